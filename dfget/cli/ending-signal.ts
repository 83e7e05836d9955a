import { formatDuration } from "../../platform/quantity.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";

/** What ends a download early: the user, or the time. */
export interface EndingSignal extends Disposable {
  readonly signal: AbortSignal;
  /** The error to end with, where `error` may only be what an abort made of the work. */
  explain(error: unknown): unknown;
}

/** Combines the signal of the program with a time limit; `timeoutMs` 0 means none. */
export function endingSignal(timeoutMs: number, programSignal: AbortSignal): EndingSignal {
  const timeout = new AbortController();
  const timer =
    timeoutMs > 0
      ? setTimeout(() => {
          timeout.abort(
            new UserError(
              EXIT.timedOut,
              `gave up after ${formatDuration(timeoutMs)}; what has arrived is kept, so the same command goes on from there`,
            ),
          );
        }, timeoutMs)
      : undefined;
  const signal = AbortSignal.any([programSignal, timeout.signal]);
  return {
    signal,
    explain(error) {
      if (timeout.signal.aborted) return timeout.signal.reason;
      if (!programSignal.aborted) return error;
      return new UserError(
        EXIT.interrupted,
        "interrupted; what has arrived is kept, so the same command goes on from there",
      );
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
