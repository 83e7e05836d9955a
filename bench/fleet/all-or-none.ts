/**
 * Does all works at once. When one fails the others are aborted, and when all have ended it throws what the first
 * one threw; when `signal` is aborted, its reason.
 */
export async function allOrNone<T>(
  works: readonly ((signal: AbortSignal) => Promise<T>)[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  signal.throwIfAborted();
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const running = works.map(async (work) => {
    try {
      return await work(ending);
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  signal.throwIfAborted();
  failing.signal.throwIfAborted();
  return await Promise.all(running);
}
