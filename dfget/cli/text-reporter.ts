import { formatByteCount, formatDuration } from "../../platform/quantity.ts";
import { printableText } from "./printable-text.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { progressLine, rateText, sharesText } from "./progress-line.ts";
import type { DownloadSummary, Reporter, ReportStream } from "./reporter.ts";

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5000;
const PLAIN_LINE_COLUMNS = 120;
const CLEAR_LINE = "\r\u001b[K";

/** A stream that may be a terminal. */
export interface HumanStream extends ReportStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Reports to a person: one line that is drawn again and again on a terminal, a plain line every few
 * seconds elsewhere, and a summary at the end. `nowMs` is asked at each progress.
 */
export function textReporter(stream: HumanStream, nowMs: () => number): Reporter {
  const isTerminal = stream.isTTY === true;
  const intervalMs = isTerminal ? REDRAW_MS : PLAIN_LINE_MS;
  let lastMs = isTerminal ? -Infinity : nowMs();
  let isLineOpen = false;
  const clear = (): void => {
    if (isLineOpen) stream.write(CLEAR_LINE);
    isLineOpen = false;
  };
  const say = (line: string): void => {
    clear();
    stream.write(`${line}\n`);
  };
  return {
    note: (sentence) => say(`dfget: ${printableText(sentence)}`),
    opened: () => undefined,
    progress(progress: DownloadProgress) {
      if (nowMs() - lastMs < intervalMs) return;
      lastMs = nowMs();
      if (!isTerminal) return say(progressLine(progress, PLAIN_LINE_COLUMNS));
      stream.write(CLEAR_LINE + progressLine(progress, stream.columns ?? 80));
      isLineOpen = true;
    },
    finished: (summary) => say(summaryLine(summary)),
    failed: clear,
    [Symbol.dispose]: clear,
  };
}

/** Reports nothing; the sentence of a failure is printed by the program's end. */
export const quietReporter: Reporter = {
  note: () => undefined,
  opened: () => undefined,
  progress: () => undefined,
  finished: () => undefined,
  failed: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** "app.tar: 256 MiB in 3.1 s (82.6 MiB/s), peers 78% seed 22%". */
export function summaryLine(summary: DownloadSummary): string {
  const { lengthBytes, durationMs, receivedBytes } = summary;
  const start = `${printableText(summary.name)}: ${formatByteCount(lengthBytes)} in ${formatDuration(durationMs)}`;
  if (lengthBytes === 0 || durationMs <= 0) return start;
  const shares = sharesText(receivedBytes) || "all from this node's disk";
  return `${start} (${rateText((lengthBytes * 1000) / durationMs)}), ${shares}`;
}
