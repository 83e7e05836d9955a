/*
 * Standard output and standard error, each made at its first use: that takes half a millisecond, and a short run may say nothing.
 */

let onOutputError: ((error: NodeJS.ErrnoException) => void) | undefined;
let isWatched = false;

/** Standard output, whose failures go to whoever called {@link watchOutput}. */
export function standardOutput(): NodeJS.WriteStream {
  const stream = process.stdout;
  if (!isWatched && onOutputError) {
    isWatched = true;
    stream.on("error", onOutputError);
  }
  return stream;
}

/** Standard error. */
export function standardError(): NodeJS.WriteStream {
  return process.stderr;
}

/** Hands over what goes wrong on standard output from its first use on; called before that, once in a process. */
export function watchOutput(onError: (error: NodeJS.ErrnoException) => void): void {
  onOutputError = onError;
}
