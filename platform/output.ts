/*
 * Standard output and standard error, each made at its first use: that takes half a millisecond, and a short run may say nothing.
 */

const inUse = new Set<NodeJS.WriteStream>();
let onOutputError: ((error: NodeJS.ErrnoException) => void) | undefined;

/** Standard output, whose failures go to whoever called {@link watchOutput}. */
export function standardOutput(): NodeJS.WriteStream {
  const stream = process.stdout;
  if (!inUse.has(stream) && onOutputError) stream.on("error", onOutputError);
  inUse.add(stream);
  return stream;
}

/** Standard error. */
export function standardError(): NodeJS.WriteStream {
  inUse.add(process.stderr);
  return process.stderr;
}

/** Hands over what goes wrong on standard output from its first use on; called before that, once in a process. */
export function watchOutput(onError: (error: NodeJS.ErrnoException) => void): void {
  onOutputError = onError;
}

/** Whether nothing waits for a reader of what was asked for here. */
export function isOutputWritten(): boolean {
  return [...inUse].every(({ writableLength }) => writableLength === 0);
}
