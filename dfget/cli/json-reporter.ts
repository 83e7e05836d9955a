import type { Reporter, ReportStream } from "./reporter.ts";

const PROGRESS_MS = 500;

/** Reports to a program: one JSON object a line, told apart by `event`. */
export function jsonReporter(stream: ReportStream, nowMs: () => number): Reporter {
  let lastMs = -Infinity;
  const say = (event: Record<string, unknown>): void => {
    stream.write(`${JSON.stringify(event)}\n`);
  };
  return {
    note: (message) => say({ event: "note", message }),
    opened: (task) => say({ event: "opened", ...task }),
    progress({ writtenBytes, lengthBytes, bytesPerSecond, receivedBytes }) {
      if (nowMs() - lastMs < PROGRESS_MS) return;
      lastMs = nowMs();
      say({
        event: "progress",
        writtenBytes,
        lengthBytes,
        bytesPerSecond: bytesPerSecond === undefined ? undefined : Math.round(bytesPerSecond),
        receivedBytes,
      });
    },
    finished({ taskId, output, lengthBytes, durationMs, receivedBytes }) {
      const duration = Math.round(durationMs);
      say({ event: "finished", taskId, output, lengthBytes, durationMs: duration, receivedBytes });
    },
    failed: (failure) => say({ event: "failed", ...failure }),
    [Symbol.dispose]: () => undefined,
  };
}
