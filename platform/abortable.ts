/** Why something is aborted that is not needed any more. Made once: an error made for each, with its stack, costs more than most waits. */
export const NOT_NEEDED = new DOMException("it is not needed any more", "AbortError");

/** What a promise gives, unless the signal is aborted first: then it rejects with the signal's reason. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Aborts `controller` with the reason of `signal` when that is aborted, until what is returned is disposed. */
export function forwardAbort(signal: AbortSignal, controller: AbortController): Disposable {
  const onAbort = (): void => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", onAbort) };
}
