import { formatByteCount } from "../../platform/quantity.ts";
import { systemClock } from "../../platform/clock.ts";
import type { ReceivedBytes } from "../../test/harness/fleet-metrics.ts";

const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 1000;
const BAR_COLUMNS = 24;

/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Shows what each node has received while `work` runs: lines that are drawn again in place on a
 * terminal, one line a second elsewhere. Returns what `work` gives; a figure that cannot be read
 * is left out, because the work itself tells what failed.
 */
export async function withLiveProgress<T>(
  stream: ProgressStream,
  lengthBytes: number,
  received: () => Promise<readonly ReceivedBytes[]>,
  work: Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  work.then(stop, stop);
  let lineCount = 0;
  while (!ended.signal.aborted) {
    const nodes = await received().catch(() => undefined);
    if (nodes && stream.isTTY) {
      const up = lineCount === 0 ? "" : `\u001b[${lineCount}A`;
      lineCount = nodes.length;
      const lines = nodes.map((node, i) => `\u001b[K${nodeLine(i, node, lengthBytes)}\n`);
      stream.write(up + lines.join(""));
    } else if (nodes && nodes.some(({ total }) => total > 0)) {
      stream.write(`${plainLine(nodes, lengthBytes)}\n`);
    }
    const intervalMs = stream.isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
    await systemClock.sleep(intervalMs, ended.signal).catch(() => undefined);
  }
  // What was drawn is followed by the table, which says it better.
  if (lineCount > 0) stream.write(`\u001b[${lineCount}A\u001b[J`);
  return await work;
}

/** "  node 1  [####....]  12.0 MiB  seed 4.0 MiB  peers 8.0 MiB". */
export function nodeLine(index: number, received: ReceivedBytes, lengthBytes: number): string {
  const full = Math.floor(Math.min(received.total / lengthBytes, 1) * BAR_COLUMNS);
  const bar = `${"#".repeat(full)}${".".repeat(BAR_COLUMNS - full)}`;
  const total = formatByteCount(received.total).padStart(9);
  const shares = `seed ${formatByteCount(received.seed)}  peers ${formatByteCount(received.peer)}`;
  return `  node ${index + 1}  [${bar}]  ${total}  ${shares}`;
}

/** "  nodes have 12 %, 34 %, 30 %, 28 %". */
export function plainLine(nodes: readonly ReceivedBytes[], lengthBytes: number): string {
  const shares = nodes.map(({ total }) => `${Math.floor((100 * total) / lengthBytes)} %`);
  return `  nodes have ${shares.join(", ")}`;
}
