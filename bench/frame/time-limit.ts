import { formatDuration } from "../../platform/quantity.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";

/**
 * Runs a bench with a signal that is aborted when it is interrupted or takes longer than `timeoutMs`. The bench has closed
 * and removed everything when it throws then; what this throws is a UserError (interrupted, timedOut) that says so.
 */
export async function withinTime<T>(
  timeoutMs: number,
  interrupted: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(timeoutMs)]);
  try {
    return await work(signal);
  } catch (error) {
    if (interrupted.aborted) {
      throw new UserError(EXIT.interrupted, "interrupted; nothing is left behind");
    }
    if (!signal.aborted) throw error;
    throw new UserError(
      EXIT.timedOut,
      `not finished after ${formatDuration(timeoutMs)}; nothing is left behind, --timeout allows more`,
    );
  }
}
