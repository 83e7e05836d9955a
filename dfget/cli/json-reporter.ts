import type { FileReporter, ReportedFile, Reporter, ReportStream } from "./reporter.ts";

const PROGRESS_MS = 500;

/** Reports to a program: one JSON object a line, told apart by `event`; see docs/reference/dfget-events.md. */
export function jsonReporter(stream: ReportStream, nowMs: () => number): Reporter {
  const say = (event: Record<string, unknown>): void => {
    stream.write(`${JSON.stringify(event)}\n`);
  };
  return {
    expect: () => undefined,
    note: (message) => say({ event: "note", message }),
    file: (file) => jsonFileReporter(file, say, nowMs),
    ended: ({ durationMs, ...counts }) =>
      say({ event: "ended", ...counts, durationMs: Math.round(durationMs) }),
    failed: (failure) => say({ event: "failed", ...failure }),
    [Symbol.dispose]: () => undefined,
  };
}

function jsonFileReporter(
  { output }: ReportedFile,
  say: (event: Record<string, unknown>) => void,
  nowMs: () => number,
): FileReporter {
  let lastMs = -Infinity;
  return {
    note: (message) => say({ event: "note", output, message }),
    opened: (task) => say({ event: "opened", output, ...task }),
    progress({ writtenBytes, heldBytes, lengthBytes, bytesPerSecond, receivedBytes }) {
      if (nowMs() - lastMs < PROGRESS_MS) return;
      lastMs = nowMs();
      const rate = bytesPerSecond === undefined ? undefined : Math.round(bytesPerSecond);
      say({
        event: "progress",
        output,
        writtenBytes,
        heldBytes,
        lengthBytes,
        bytesPerSecond: rate,
        receivedBytes,
      });
    },
    finished: ({ durationMs, ...summary }) =>
      say({ event: "finished", output, ...summary, durationMs: Math.round(durationMs) }),
    skipped: (reason) => say({ event: "skipped", output, reason }),
    failed: (failure) => say({ event: "failed", output, ...failure }),
  };
}
