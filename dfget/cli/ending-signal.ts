import { formatDuration } from "../../platform/quantity.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";

/** What ends a download early: the user, or the time. */
export interface EndingSignal extends Disposable {
  readonly signal: AbortSignal;
  /**
   * The error to end with, where `error` may only be what an abort made of the work. `hasArrived` is whether there is
   * something that the same command can go on with.
   */
  explain(error: unknown, hasArrived: boolean): unknown;
}

/** Combines the signal of the program with a time limit; `timeoutMs` 0 means none. */
export function endingSignal(timeoutMs: number, programSignal: AbortSignal): EndingSignal {
  const timeout = new AbortController();
  const timer =
    timeoutMs > 0
      ? setTimeout(() => {
          timeout.abort(new UserError(EXIT.timedOut, `gave up after ${formatDuration(timeoutMs)}`));
        }, timeoutMs)
      : undefined;
  const signal = timer ? AbortSignal.any([programSignal, timeout.signal]) : programSignal;
  return {
    signal,
    explain(error, hasArrived) {
      const rest = hasArrived
        ? "what has arrived is kept, so the same command goes on from there"
        : "nothing has arrived that the same command could go on from";
      if (timeout.signal.aborted) {
        const { exitCode, message } = timeout.signal.reason as UserError;
        return new UserError(exitCode, `${message}; ${rest}`);
      }
      if (!programSignal.aborted) return error;
      const reason: unknown = programSignal.reason;
      if (reason instanceof UserError && reason.exitCode !== EXIT.interrupted) return reason;
      return new UserError(EXIT.interrupted, `interrupted; ${rest}`);
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
