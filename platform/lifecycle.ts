import { standardError, standardOutput, watchOutput } from "./output.ts";
import { printableText, shortText } from "./printable-text.ts";
import { EXIT, UserError } from "./user-error.ts";

/** How long a program may take to end by itself after it was told to. */
const SHUTDOWN_MS_MAX = 15_000;
/** A sentence may repeat what the user wrote, however long that was. */
const SENTENCE_LENGTH_MAX = 1500;

/**
 * Runs a program: SIGINT and SIGTERM abort the signal that `main` gets, a second one ends the process
 * at once; of one that would leave much behind on the machine (`isUntidy`), a third one. So does standard output that takes no more:
 * its reader went away, as `| head` does, or its disk is full. `main` returns when everything it opened is closed; the
 * process then ends because nothing is left to do, and never by `process.exit`, which saves a twentieth of a short run but waits
 * for V8's threads, one of which may wait for a collection by the main thread. A UserError is shown as one line and sets the exit code. With `writesLater` standard
 * output is not touched here, and everybody gets it from `standardOutput`.
 */
export async function runProgram(
  name: string,
  main: (signal: AbortSignal) => Promise<void>,
  {
    isUntidy = false,
    writesLater = false,
  }: { readonly isUntidy?: boolean; readonly writesLater?: boolean } = {},
): Promise<void> {
  const controller = new AbortController();
  let wasWarned = !isUntidy;
  const endNow = (exitCode: number): void => {
    // That may hang: whatever signal comes then has its own effect.
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.exit(exitCode);
  };
  const onSignal = (): void => {
    if (controller.signal.aborted && wasWarned) endNow(EXIT.interrupted);
    if (controller.signal.aborted) {
      wasWarned = true;
      standardError().write(
        `${name}: cleaning up; once more ends it at once and leaves the rest\n`,
      );
      return;
    }
    controller.abort(new UserError(EXIT.interrupted, "interrupted"));
    setTimeout(() => {
      standardError().write(
        `${name}: still busy ${SHUTDOWN_MS_MAX / 1000} s after the signal, ending now\n`,
      );
      endNow(EXIT.internal);
    }, SHUTDOWN_MS_MAX).unref();
  };
  let hasEnded = false;
  let outputFailure: UserError | undefined;
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    const isGone = error.code === "EPIPE";
    outputFailure ??= outputFailureOf(error);
    controller.abort(outputFailure);
    // What was written last may fail when all is done. A reader that had enough by then is none.
    if (hasEnded && !isGone) process.exitCode ||= report(name, outputFailure);
    else if (isGone) outputFailure = undefined;
  };
  watchOutput(onOutputError);
  if (!writesLater) standardOutput();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    await main(controller.signal);
    if (outputFailure) process.exitCode = report(name, outputFailure);
  } catch (error) {
    process.exitCode = report(name, error);
  } finally {
    hasEnded = true;
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

/** Says on standard error what ended a program, and returns its exit code. */
function report(name: string, error: unknown): number {
  if ((error as NodeJS.ErrnoException | undefined)?.syscall === "uv_cwd") {
    standardError().write(`${name}: the current directory is gone; change to another one\n`);
    return EXIT.localFile;
  }
  if (error instanceof UserError) {
    const sentence = shortText(printableText(error.message), SENTENCE_LENGTH_MAX);
    standardError().write(`${name}: ${sentence}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  standardError().write(`${name}: a defect ended the program; please report this:\n${text}\n`);
  return EXIT.internal;
}

function outputFailureOf(error: NodeJS.ErrnoException): UserError {
  switch (error.code) {
    case "EPIPE":
      return new UserError(EXIT.localFile, "the reader of standard output went away", error);
    case "ENOSPC":
    case "EDQUOT":
      return new UserError(
        EXIT.localFile,
        "standard output goes to a disk that is full; make room and try again",
        error,
      );
    default: {
      const code = error.code ?? error.message;
      return new UserError(EXIT.localFile, `standard output cannot be written (${code})`, error);
    }
  }
}
