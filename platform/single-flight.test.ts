import { describe, expect, it } from "vitest";

import { SingleFlight } from "./single-flight.ts";

const never = new AbortController().signal;

/** Work that ends when the test says so. */
function controlled() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const starts: AbortSignal[] = [];
  const start = (signal: AbortSignal): Promise<string> => {
    starts.push(signal);
    return promise;
  };
  return { start, starts, resolve, reject };
}

describe("work of which there is one flight", () => {
  it("runs once for all who ask at the same time", async () => {
    const flights = new SingleFlight<string>();
    const { start, starts, resolve } = controlled();
    const all = [1, 2, 3].map(async () => await flights.run("a", start, never));
    resolve("result");
    expect(await Promise.all(all)).toEqual(["result", "result", "result"]);
    expect(starts).toHaveLength(1);
  });

  it("runs apart for another key, and again after its end", async () => {
    const flights = new SingleFlight<number>();
    let runs = 0;
    const start = async (): Promise<number> => await Promise.resolve(++runs);
    const both = await Promise.all([
      flights.run("a", start, never),
      flights.run("b", start, never),
    ]);
    expect(both).toEqual([1, 2]);
    expect(await flights.run("a", start, never)).toBe(3);
  });

  it("fails for all who wait, and is tried again by the next", async () => {
    const flights = new SingleFlight<string>();
    const { start, reject } = controlled();
    const all = Promise.allSettled([
      flights.run("a", start, never),
      flights.run("a", start, never),
    ]);
    reject(new Error("refused"));
    expect((await all).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await flights.run("a", async () => await Promise.resolve("second"), never)).toBe(
      "second",
    );
  });

  it("goes on when one of two no longer waits", async () => {
    const flights = new SingleFlight<string>();
    const { start, starts, resolve } = controlled();
    const leaving = new AbortController();
    const left = flights.run("a", start, leaving.signal);
    const stays = flights.run("a", start, never);
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(starts[0]!.aborted).toBe(false);
    resolve("result");
    expect(await stays).toBe("result");
  });

  it("is aborted when nobody waits any more, and the next who asks begins anew", async () => {
    const flights = new SingleFlight<string>();
    const { start, starts } = controlled();
    const leaving = new AbortController();
    const left = flights.run("a", start, leaving.signal);
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(starts[0]!.aborted).toBe(true);
    expect(await flights.run("a", async () => await Promise.resolve("new"), never)).toBe("new");
  });

  it("is not begun by somebody who has left already", async () => {
    const flights = new SingleFlight<string>();
    const { start, starts } = controlled();
    const gone = AbortSignal.abort(new Error("gone"));
    await expect(flights.run("a", start, gone)).rejects.toThrow("gone");
    expect(starts).toHaveLength(0);
  });
});
