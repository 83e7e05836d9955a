import type { FileHandle } from "node:fs/promises";
import { constants, open, readFile, stat } from "node:fs/promises";

import { systemClock } from "../../platform/clock.ts";

const WRITER_POLL_MS = 50;
const READ_BYTES = 64 * 1024;

/**
 * All of a text file, of a pipe, or of standard input for "-". Reading a pipe waits for its writer in a way that the
 * signal ends. Rejects with the error of the system, or the signal's reason.
 */
export async function readInput(path: string, signal: AbortSignal): Promise<string> {
  if (path === "-") return await readStandardInput(signal);
  if (!(await stat(path)).isFIFO()) return await readFile(path, { encoding: "utf8", signal });
  // To open it without this would block, out of reach of any signal.
  await using pipe = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return await readPipe(pipe, signal);
}

async function readStandardInput(signal: AbortSignal): Promise<string> {
  const stop = (): void => void process.stdin.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A pipe without a writer reads as one at its end, so the end counts only after there was a writer. */
async function readPipe(pipe: FileHandle, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let hadWriter = false;
  for (;;) {
    const buffer = Buffer.alloc(READ_BYTES);
    const bytesRead = await pipe.read(buffer, 0, buffer.length, null).then(
      (result) => result.bytesRead,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EAGAIN") return undefined;
        throw error;
      },
    );
    if (bytesRead === 0 && hadWriter) return Buffer.concat(chunks).toString("utf8");
    hadWriter ||= bytesRead !== 0;
    if (bytesRead === undefined || bytesRead === 0) await systemClock.sleep(WRITER_POLL_MS, signal);
    else chunks.push(buffer.subarray(0, bytesRead));
  }
}
