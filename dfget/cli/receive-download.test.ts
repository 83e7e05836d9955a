import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { EXIT } from "../../platform/user-error.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { receiveDownload } from "./receive-download.ts";
import { quietReporter } from "./text-reporter.ts";

const CONTENT = Buffer.from("the content of a file");
const DIGEST = `sha256:${createHash("sha256").update(CONTENT).digest("hex")}`;
const receivedBytes = { seed: 0, peers: CONTENT.length, origin: 0 };

const opened: DownloadPart = {
  kind: "event",
  event: { event: "opened", taskId: "url:00", firstSource: "seed" },
};
const content: DownloadPart = { kind: "content", bytes: CONTENT };
const completed: DownloadPart = {
  kind: "event",
  event: { event: "completed", lengthBytes: CONTENT.length, receivedBytes },
};

async function receive(parts: DownloadPart[], digest?: string, signal?: AbortSignal) {
  const written: Uint8Array[] = [];
  const target = {
    write: async (bytes: Uint8Array) => void written.push(bytes),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const request = { url: "http://a/f", ...(digest === undefined ? {} : { digest }) };
  const output = { kind: "stdout" } as const;
  const plan = { request, output, outputText: "-", name: "f" };
  const deps = { target, reporter: quietReporter, clock: systemClock, plan, socketPath: "/s" };
  const stream = (async function* () {
    for (const part of parts) yield part;
  })();
  const received = await receiveDownload(stream, deps, signal ?? new AbortController().signal);
  return { received, written: Buffer.concat(written) };
}

describe("what arrives from the daemon", () => {
  it("is written and checked against its length and digest", async () => {
    const { received, written } = await receive([opened, content, completed], DIGEST);
    expect(written.equals(CONTENT)).toBe(true);
    expect(received).toEqual({ taskId: "url:00", lengthBytes: CONTENT.length, receivedBytes });
  });

  it("is refused when its digest is another", async () => {
    const other = `sha256:${"00".repeat(32)}`;
    await expect(receive([opened, content, completed], other)).rejects.toMatchObject({
      exitCode: EXIT.digestMismatch,
    });
  });

  it.each([
    ["nothing at all", []],
    ["no end", [opened, content]],
    ["less than its length", [opened, completed]],
    ["more than its length", [opened, content, content, completed]],
  ])("is refused when there is %s", async (_what, parts) => {
    await expect(receive(parts)).rejects.toMatchObject({ exitCode: EXIT.daemonUnavailable });
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
