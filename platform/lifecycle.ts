import { EXIT, UserError } from "./user-error.ts";

/** How long a program may take to end by itself after it was told to. */
const SHUTDOWN_MS_MAX = 15_000;

/**
 * Runs a program: SIGINT and SIGTERM abort the signal that `main` gets, a second one ends the process
 * at once. `main` returns when everything it opened is closed; the process then ends because nothing
 * is left to do. A UserError is shown as one line and sets the exit code.
 */
export async function runProgram(
  name: string,
  main: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new UserError(EXIT.interrupted, "interrupted"));
    setTimeout(() => {
      process.stderr.write(
        `${name}: still busy ${SHUTDOWN_MS_MAX / 1000} s after the signal, ending now\n`,
      );
      process.exit(EXIT.internal);
    }, SHUTDOWN_MS_MAX).unref();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    await main(controller.signal);
  } catch (error) {
    process.exitCode = report(name, error);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

/** Says on standard error what ended a program, and returns its exit code. */
function report(name: string, error: unknown): number {
  if ((error as NodeJS.ErrnoException | undefined)?.syscall === "uv_cwd") {
    process.stderr.write(`${name}: the current directory is gone; change to another one\n`);
    return EXIT.localFile;
  }
  if (error instanceof UserError) {
    process.stderr.write(`${name}: ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${name}: a defect ended the program; please report this:\n${text}\n`);
  return EXIT.internal;
}
