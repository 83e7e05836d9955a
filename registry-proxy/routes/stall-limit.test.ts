import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { withStallLimit, withTimeLimit } from "./stall-limit.ts";

const failure = (): Error => new Error("too slow");
const { signal } = new AbortController();

async function* silentAfter(first: Uint8Array, aborted: AbortSignal): AsyncGenerator<Uint8Array> {
  yield first;
  await once(aborted, "abort");
  throw aborted.reason;
}

describe("a limit on silence", () => {
  it("ends a reading that brings nothing more", async () => {
    const read = withStallLimit((s) => silentAfter(Buffer.from("a"), s), 10, failure, signal);
    expect((await read.next()).value).toEqual(Buffer.from("a"));
    await expect(read.next()).rejects.toThrow("too slow");
  });

  it("does not count the time that the reader takes", async () => {
    async function* quick(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("a");
      yield Buffer.from("b");
    }
    const read = withStallLimit(quick, 5, failure, signal);
    await read.next();
    await once(AbortSignal.timeout(30), "abort");
    expect((await read.next()).value).toEqual(Buffer.from("b"));
    expect((await read.next()).done).toBe(true);
  });

  it("passes the caller's abortion on", async () => {
    const caller = new AbortController();
    const open = (s: AbortSignal) => silentAfter(Buffer.from("a"), s);
    const read = withStallLimit(open, 60_000, failure, caller.signal);
    await read.next();
    const next = read.next();
    caller.abort(new Error("gone"));
    await expect(next).rejects.toThrow("gone");
  });

  it("ends work that takes too long", async () => {
    const work = async (s: AbortSignal): Promise<void> => {
      await once(s, "abort");
      throw s.reason;
    };
    await expect(withTimeLimit(work, 10, failure, signal)).rejects.toThrow("too slow");
  });
});
