import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { EXIT } from "../../platform/user-error.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { parseChecksum } from "./checksum.ts";
import { DeliveryPace } from "./delivery-pace.ts";
import { BrokenOffError, OtherContentError, Receiver } from "./receive-download.ts";
import { quietReporter } from "./text-reporter.ts";

const CONTENT = Buffer.from("the content of a file");
const DIGEST = `sha256:${createHash("sha256").update(CONTENT).digest("hex")}`;
const receivedBytes = { seed: 0, peers: CONTENT.length, origin: 0 };

function openedAt(firstByte: number, taskId = "url:00"): DownloadPart {
  const event = { event: "opened", taskId, firstByte, firstSource: "seed" } as const;
  return { kind: "event", event };
}
const opened = openedAt(0);
const content: DownloadPart = { kind: "content", bytes: CONTENT };
const completed: DownloadPart = {
  kind: "event",
  event: { event: "completed", lengthBytes: CONTENT.length, receivedBytes },
};

function receiver(digest?: string, notes: string[] = []) {
  let written: Uint8Array[] = [];
  const target = {
    write: async (bytes: Uint8Array) => void written.push(bytes),
    restart: async () => void (written = []),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const plan = { checksum: parseChecksum(digest ?? ""), name: "f", range: undefined };
  const pace = new DeliveryPace(0, systemClock);
  const quiet = quietReporter(undefined).file({ name: "f", output: "-" });
  const reporter = { ...quiet, note: (sentence: string) => void notes.push(sentence) };
  const receiving = new Receiver({ target, reporter, clock: systemClock, plan, pace });
  return {
    receiving,
    written: () => Buffer.concat(written),
    receive: async (parts: DownloadPart[], signal = new AbortController().signal) =>
      await receiving.receive(stream(parts), signal),
  };
}

async function* stream(parts: readonly DownloadPart[]): AsyncGenerator<DownloadPart> {
  yield* parts;
}

async function receive(parts: DownloadPart[], digest?: string, signal?: AbortSignal) {
  const { receive: run, written } = receiver(digest);
  return { received: await run(parts, signal), written: written() };
}

describe("what arrives from the daemon", () => {
  it("is written and checked against its length and digest", async () => {
    const { received, written } = await receive([opened, content, completed], DIGEST);
    expect(written.equals(CONTENT)).toBe(true);
    expect(received).toMatchObject({
      taskId: "url:00",
      lengthBytes: CONTENT.length,
      receivedBytes,
    });
  });

  it.each(["sha256", "sha512", "md5"])("is refused when its %s is another", async (algorithm) => {
    const right = `${algorithm}:${createHash(algorithm).update(CONTENT).digest("hex")}`;
    await receive([opened, content, completed], right);
    const other = `${algorithm}:${createHash(algorithm).update("other").digest("hex")}`;
    await expect(receive([opened, content, completed], other)).rejects.toMatchObject({
      exitCode: EXIT.digestMismatch,
    });
  });

  it("goes on where the sender broke off, and is checked as a whole", async () => {
    const { receiving, receive: run, written } = receiver(DIGEST);
    const start: DownloadPart = { kind: "content", bytes: CONTENT.subarray(0, 5) };
    const rest: DownloadPart = { kind: "content", bytes: CONTENT.subarray(5) };
    const end: DownloadPart = {
      kind: "event",
      event: {
        event: "completed",
        lengthBytes: CONTENT.length,
        sentBytes: CONTENT.length - 5,
        receivedBytes,
      },
    };
    await expect(run([opened, start])).rejects.toBeInstanceOf(BrokenOffError);
    expect(receiving.nextByte).toBe(5);
    expect((await run([openedAt(5), rest, end])).lengthBytes).toBe(CONTENT.length);
    expect(written().equals(CONTENT)).toBe(true);
  });

  it("is never put together from two contents", async () => {
    const { receiving, receive: run, written } = receiver(DIGEST);
    const start: DownloadPart = { kind: "content", bytes: CONTENT.subarray(0, 5) };
    await expect(run([opened, start])).rejects.toBeInstanceOf(BrokenOffError);
    const other = run([openedAt(5, "url:11"), content, completed]);
    await expect(other).rejects.toBeInstanceOf(OtherContentError);
    await receiving.restart();
    await run([openedAt(0, "url:11"), content, completed]);
    expect(written().equals(CONTENT)).toBe(true);
  });

  it.each([
    ["nothing at all", []],
    ["no end", [opened, content]],
    ["less than its length", [opened, completed]],
    ["more than its length", [opened, content, content, completed]],
  ])("is refused when there is %s", async (_what, parts) => {
    await expect(receive(parts)).rejects.toBeInstanceOf(BrokenOffError);
  });

  it("is waited for with a sentence that says why, each once", async () => {
    const notes: string[] = [];
    const progress = { event: "progress", heldBytes: 0, receivedBytes } as const;
    const events = [
      "it broke off; try again later",
      "it broke off; try again later",
      undefined,
      "it hangs",
    ];
    const parts = events.map((trouble): DownloadPart => ({
      kind: "event",
      event: trouble === undefined ? progress : { ...progress, trouble },
    }));
    await receiver(undefined, notes).receive([opened, ...parts, content, completed]);
    expect(notes).toEqual(["it broke off; it is asked again", "it hangs; it is asked again"]);
  });

  it("ends with the code and the sentence of a failure", async () => {
    const failed: DownloadPart = {
      kind: "event",
      event: { event: "failed", code: "ORIGIN_CHANGED", message: "it changed" },
    };
    await expect(receive([opened, content, failed])).rejects.toMatchObject({
      exitCode: EXIT.originFailed,
      message: "it changed",
    });
  });

  it("is left alone once the user interrupts", async () => {
    const reason = new Error("interrupted");
    const signal = AbortSignal.abort(reason);
    await expect(receive([opened, content, completed], DIGEST, signal)).rejects.toBe(reason);
  });
});
