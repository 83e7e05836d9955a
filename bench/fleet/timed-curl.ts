import { ChildProcess } from "../../test/harness/child-process.ts";
import type { Host } from "../../test/harness/network.ts";

/** How a plain download by curl went. */
export interface TimedDownload {
  readonly lengthBytes: number;
  /** From the start of curl's work to the first byte of the answer. */
  readonly firstByteSeconds: number;
  readonly totalSeconds: number;
}

/** Fetches a URL by curl on a host and throws the content away. Throws when it fails or is aborted. */
export async function timedCurl(
  host: Host,
  url: string,
  signal: AbortSignal,
): Promise<TimedDownload> {
  signal.throwIfAborted();
  const format = "%{size_download} %{time_starttransfer} %{time_total}";
  await using child = await ChildProcess.start({
    name: `curl on host ${host.index}`,
    command: "curl",
    args: ["-sS", "--fail", "-o", "/dev/null", "-w", format, url],
    networkNamespace: host.networkNamespace,
  });
  const kill = (): void => void child.killHard();
  signal.addEventListener("abort", kill, { once: true });
  const exit = await child.exited;
  signal.removeEventListener("abort", kill);
  signal.throwIfAborted();
  if (exit.code !== 0) {
    throw new Error(`${child.name} ended with ${exit.signal ?? exit.code}\n${child.lastWords()}`);
  }
  const [lengthBytes = NaN, firstByteSeconds = NaN, totalSeconds = NaN] = child.stdout.text
    .split(" ")
    .map(Number);
  return { lengthBytes, firstByteSeconds, totalSeconds };
}
