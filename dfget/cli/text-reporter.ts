import { formatByteCount, formatDuration } from "../../platform/quantity.ts";
import type { Paint } from "./paint.ts";
import { printableText } from "./printable-text.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { progressLine, rateText, sharesText } from "./progress-line.ts";
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
}

/**
 * Reports to a person: on a terminal a line per running file that is drawn again and again, elsewhere a plain line
 * every few seconds, and a summary of each file at its end.
 */
export function textReporter(deps: TextReporterDeps): Reporter {
  return deps.stream.isTTY === true ? terminalReporter(deps) : plainReporter(deps);
}

function terminalReporter({ stream, paint, nowMs }: TextReporterDeps): Reporter {
  const board = new TerminalBoard(stream);
  const running = new Map<object, DownloadProgress>();
  let lastMs = -Infinity;
  let trailing: NodeJS.Timeout | undefined;
  const draw = (): void => {
    clearTimeout(trailing);
    trailing = undefined;
    lastMs = nowMs();
    const { room, columns } = board;
    const shown = [...running.values()].slice(0, running.size > room ? room - 1 : room);
    const lines = shown.map((progress) =>
      paintShares(progressLine(progress, columns), progress, paint),
    );
    if (running.size > shown.length) lines.push(`and ${running.size - shown.length} more`);
    board.draw(lines);
  };
  const say = (line: string): void => {
    board.say(line);
    if (running.size > 0) draw();
  };
  const clear = (): void => {
    clearTimeout(trailing);
    running.clear();
    board.clear();
  };
  return {
    note: (sentence) => say(`dfget: ${printableText(sentence)}`),
    file(file) {
      const key = {};
      const end = (line: string): void => {
        running.delete(key);
        clearTimeout(trailing);
        trailing = undefined;
        say(line);
      };
      return {
        ...fileLines(file, paint, say, end),
        progress(progress) {
          running.set(key, progress);
          if (nowMs() - lastMs >= REDRAW_MS) draw();
          // What comes last before a pause is shown too.
          else trailing ??= setTimeout(draw, REDRAW_MS).unref();
        },
      };
    },
    ended: (summary) => board.say(batchLine(summary, paint)),
    failed: clear,
    [Symbol.dispose]: clear,
  };
}

function plainReporter({ stream, paint, nowMs }: TextReporterDeps): Reporter {
  const say = (line: string): void => void stream.write(`${line}\n`);
  return {
    note: (sentence) => say(`dfget: ${printableText(sentence)}`),
    file(file) {
      let lastMs = nowMs();
      return {
        ...fileLines(file, paint, say, say),
        progress(progress) {
          if (nowMs() - lastMs < PLAIN_LINE_MS) return;
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

/** What is said of a file in lines that stay; `end` says the last of it. */
function fileLines(
  { name }: ReportedFile,
  paint: Paint,
  say: (line: string) => void,
  end: (line: string) => void,
): Omit<FileReporter, "progress"> {
  const shown = printableText(name);
  return {
    note: (sentence) => say(`${shown}: ${printableText(sentence)}`),
    opened: () => undefined,
    finished: (summary) => end(summaryLine(name, summary, paint)),
    skipped: (reason) => end(`${shown}: ${printableText(reason)}`),
    failed: ({ message }) => end(`${shown}: ${paint.bad("failed")}: ${printableText(message)}`),
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
