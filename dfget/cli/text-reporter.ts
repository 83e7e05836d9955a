import { formatByteCount, formatDuration } from "../../platform/quantity.ts";
import type { Paint } from "./paint.ts";
import { printableText } from "../../platform/printable-text.ts";
import { BatchProgress } from "./batch-progress.ts";
import { cutMiddle } from "./column-text.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { progressLine, progressLines, rateText, sharesText } from "./progress-line.ts";
import type {
  BatchSummary,
  DownloadSummary,
  FileReporter,
  ReportedFile,
  Reporter,
  ReportStream,
} from "./reporter.ts";
import type { HumanStream } from "./terminal-board.ts";
import { TerminalBoard } from "./terminal-board.ts";

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5000;
const PLAIN_LINE_COLUMNS = 120;

/** What a text reporter says things with. */
export interface TextReporterDeps {
  readonly stream: HumanStream;
  readonly paint: Paint;
  readonly nowMs: () => number;
  /** The kind of terminal, of $TERM; lines are drawn again only on one that can move its cursor. */
  readonly terminal?: string | undefined;
}

/**
 * Reports to a person: on a terminal a line per running file that is drawn again and again, elsewhere a plain line
 * every few seconds, and a summary of each file at its end.
 */
export function textReporter(deps: TextReporterDeps): Reporter {
  const { stream, terminal = "" } = deps;
  const canDraw = stream.isTTY === true && terminal !== "" && terminal !== "dumb";
  return canDraw ? terminalReporter(deps) : plainReporter(deps);
}

function terminalReporter({ stream, paint, nowMs }: TextReporterDeps): Reporter {
  const board = new TerminalBoard(stream);
  const batch = new BatchProgress();
  let lastMs = -Infinity;
  let trailing: NodeJS.Timeout | undefined;
  const draw = (said: readonly string[] = []): void => {
    clearTimeout(trailing);
    trailing = undefined;
    lastMs = nowMs();
    const running = batch.shown(lastMs);
    const { columns } = board;
    const total = batch.isMany ? [cutMiddle(batch.line(lastMs), columns - 3)] : [];
    const room = Math.max(board.room - total.length, 1);
    const shown = running.slice(0, running.length > room ? room - 1 : room);
    const lines = progressLines(shown, columns).map((line, index) =>
      paintShares(line, shown[index]!, paint),
    );
    const others = running.length - shown.length;
    if (others > 0) lines.push(`and ${others} more`);
    board.draw([...lines, ...total], said);
  };
  const drawSoon = (): void => {
    if (nowMs() - lastMs >= REDRAW_MS) draw();
    // What comes last before a pause is shown too.
    else trailing ??= setTimeout(() => draw(), REDRAW_MS).unref();
  };
  const clear = (): void => {
    clearTimeout(trailing);
    batch.clear();
    board.clear();
  };
  return {
    expect: (count) => batch.expect(count),
    note: (sentence) => draw([`dfget: ${printableText(sentence)}`]),
    file(file) {
      const key = {};
      return {
        ...fileLines(file, (line) => draw([line])),
        ...endings(file, paint, (outcome, line) => {
          batch.ended(key, outcome);
          if (isShown(outcome, batch)) draw([line]);
          else drawSoon();
        }),
        progress(progress) {
          batch.progress(key, progress, nowMs());
          drawSoon();
        },
      };
    },
    ended(summary) {
      batch.clear();
      draw([batchLine(summary, paint)]);
    },
    failed: clear,
    [Symbol.dispose]: clear,
  };
}

function plainReporter({ stream, paint, nowMs }: TextReporterDeps): Reporter {
  const say = (line: string): void => void stream.write(`${line}\n`);
  const batch = new BatchProgress();
  let lastMs = nowMs();
  const isTime = (sinceMs: number): boolean => nowMs() - sinceMs >= PLAIN_LINE_MS;
  const sayTotal = (): void => {
    if (!batch.isMany || !isTime(lastMs)) return;
    lastMs = nowMs();
    say(batch.line(lastMs));
  };
  return {
    expect: (count) => batch.expect(count),
    note: (sentence) => say(`dfget: ${printableText(sentence)}`),
    file(file) {
      const key = {};
      let lastMs = nowMs();
      return {
        ...fileLines(file, say),
        ...endings(file, paint, (outcome, line) => {
          batch.ended(key, outcome);
          if (isShown(outcome, batch)) say(line);
          sayTotal();
        }),
        progress(progress) {
          batch.progress(key, progress, nowMs());
          if (batch.isMany) return sayTotal();
          if (!isTime(lastMs)) return;
          lastMs = nowMs();
          say(progressLine(progress, PLAIN_LINE_COLUMNS));
        },
      };
    },
    ended: (summary) => say(batchLine(summary, paint)),
    failed: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

type Outcome = DownloadSummary | "skipped" | "failed";

/** Of many files only those leave a line that failed. */
function isShown(outcome: Outcome, batch: BatchProgress): boolean {
  return outcome === "failed" || !batch.isMany;
}

/** What is said of a file in lines that stay, while it is on its way. */
function fileLines(
  { name }: ReportedFile,
  say: (line: string) => void,
): Pick<FileReporter, "note" | "opened"> {
  return {
    note: (sentence) => say(`${printableText(name)}: ${printableText(sentence)}`),
    opened: () => undefined,
  };
}

/** The last of a file: how it went, and the line that says so. */
function endings(
  { name }: ReportedFile,
  paint: Paint,
  end: (outcome: Outcome, line: string) => void,
): Pick<FileReporter, "finished" | "skipped" | "failed"> {
  const shown = printableText(name);
  return {
    finished: (summary) => end(summary, summaryLine(name, summary, paint)),
    skipped: (reason) => end("skipped", `${shown}: ${printableText(reason)}`),
    failed: ({ message }) =>
      end("failed", `${shown}: ${paint.bad("failed")}: ${printableText(message)}`),
  };
}

/** Reports failures alone, one line each where there are several files. */
export function quietReporter(stream: ReportStream | undefined): Reporter {
  const file = ({ name }: ReportedFile): FileReporter => ({
    note: () => undefined,
    opened: () => undefined,
    progress: () => undefined,
    finished: () => undefined,
    skipped: () => undefined,
    failed: ({ message }) =>
      void stream?.write(`${printableText(name)}: failed: ${printableText(message)}\n`),
  });
  return {
    expect: () => undefined,
    note: () => undefined,
    file,
    ended: () => undefined,
    failed: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

/** "app.tar: 256 MiB in 3.1 s (82.6 MiB/s), peers 78% seed 22%". */
export function summaryLine(name: string, summary: DownloadSummary, paint: Paint): string {
  const { lengthBytes, durationMs, receivedBytes } = summary;
  const start = `${printableText(name)}: ${paint.good(formatByteCount(lengthBytes))} in ${formatDuration(durationMs)}`;
  if (lengthBytes === 0 || durationMs <= 0) return start;
  const shares = sharesText(receivedBytes) || "all from this node's disk";
  return `${start} (${rateText((lengthBytes * 1000) / durationMs)}), ${paint.dim(shares)}`;
}

/** "12 files, 1.2 GiB in 8.0 s (153 MiB/s), peers 90% seed 10%; 2 left alone, 1 failed". */
export function batchLine(summary: BatchSummary, paint: Paint): string {
  const { finished, skipped, failed, ...bytes } = summary;
  const name = finished === 1 ? "1 file" : `${finished} files`;
  const line = summaryLine(name, { ...bytes, taskId: "" }, paint).replace(": ", ", ");
  const others = [
    ...(skipped > 0 ? [`${skipped} left alone`] : []),
    ...(failed > 0 ? [paint.bad(`${failed} failed`)] : []),
  ];
  return others.length === 0 ? line : `${line}; ${others.join(", ")}`;
}

function paintShares(line: string, progress: DownloadProgress, paint: Paint): string {
  const shares = sharesText(progress.receivedBytes);
  if (shares === "" || !line.endsWith(shares)) return line;
  return line.slice(0, -shares.length) + paint.dim(shares);
}
