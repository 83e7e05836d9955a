import { writeFile } from "node:fs/promises";

import type { Clock } from "../../platform/clock.ts";
import { ChildProcess } from "../../test/harness/child-process.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";

/** Something that curl fetches. */
export interface CurlTransfer {
  readonly url: string;
  /** The part that is wanted; the whole when left out. */
  readonly range?: { readonly firstByte: number; readonly lengthBytes: number };
  /** Where it goes; nowhere when left out. */
  readonly outputPath?: string;
  /** How much must come. */
  readonly lengthBytes: number;
}

/** A transfer that has ended well. */
export interface DoneTransfer {
  readonly index: number;
  /** From its own beginning, the wait for a connection included. */
  readonly seconds: number;
  readonly firstByteSeconds: number;
  /** When it ended, on the clock of the caller. */
  readonly endMs: number;
}

/**
 * Lets one curl process fetch everything, `atOnce` at a time in the order given, and returns the transfers in the order
 * in which they ended. Throws when one fails, has another length, or `signal` is aborted.
 */
export async function curlTransfers(
  options: {
    readonly name: string;
    readonly networkNamespace: string | undefined;
    readonly transfers: readonly CurlTransfer[];
    readonly atOnce: number;
    readonly onDone?: (done: DoneTransfer) => void;
  },
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly DoneTransfer[]> {
  signal.throwIfAborted();
  await using directory = await TemporaryDirectory.create("curl");
  const path = directory.join("transfers");
  await writeFile(path, configuration(options.transfers));
  await using child = await ChildProcess.start({
    name: options.name,
    command: "curl",
    args: [
      ..."--no-progress-meter --parallel --parallel-max".split(" "),
      String(options.atOnce),
      "--config",
      path,
    ],
    networkNamespace: options.networkNamespace,
  });
  const done: DoneTransfer[] = [];
  const wrong: string[] = [];
  child.stderr.onLine((line) => {
    if (!line.startsWith("done ")) return;
    const [index = NaN, lengthBytes, firstByteSeconds = NaN, seconds = NaN] = line
      .split(" ")
      .slice(1)
      .map(Number);
    const transfer = options.transfers[index];
    if (transfer === undefined) return;
    if (lengthBytes !== transfer.lengthBytes) wrong.push(`${lengthBytes} bytes of ${transfer.url}`);
    const one = { index, firstByteSeconds, seconds, endMs: clock.nowMs() };
    done.push(one);
    options.onDone?.(one);
  });
  const kill = (): void => void child.killHard();
  signal.addEventListener("abort", kill, { once: true });
  const exit = await child.exited;
  signal.removeEventListener("abort", kill);
  signal.throwIfAborted();
  if (exit.code !== 0 || wrong.length > 0 || done.length < options.transfers.length) {
    throw new Error(
      `${child.name} ended with ${exit.signal ?? exit.code} after ${done.length} of ${options.transfers.length} transfers${wrong.map((text) => `, got ${text}`).join("")}\n${child.lastWords()}`,
    );
  }
  return done;
}

/**
 * What `curl --config` reads. Options before a `next` hold for one transfer. It tells of each on standard error, which it
 * does not hold back as it does what goes to standard output.
 */
function configuration(transfers: readonly CurlTransfer[]): string {
  return transfers
    .map(({ url, range, outputPath = "/dev/null" }, index) =>
      [
        "silent",
        "show-error",
        "fail",
        `url = "${url}"`,
        `output = "${outputPath}"`,
        ...(range === undefined
          ? []
          : [`range = "${range.firstByte}-${range.firstByte + range.lengthBytes - 1}"`]),
        `write-out = "%{stderr}done ${index} %{size_download} %{time_starttransfer} %{time_total}\\n"`,
      ].join("\n"),
    )
    .join("\nnext\n");
}
