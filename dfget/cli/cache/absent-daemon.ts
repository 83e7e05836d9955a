import { EXIT, UserError } from "../../../platform/user-error.ts";
import { DaemonAbsentError } from "../daemon-client.ts";

/** The answer of a daemon that is not started to be asked. Throws UserError where there is none. */
export async function orNoDaemon<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof DaemonAbsentError)) throw error;
    throw new UserError(
      EXIT.daemonUnavailable,
      `${error.message}; start one with dfget daemon, or name its socket with --socket`,
      error,
    );
  }
}
