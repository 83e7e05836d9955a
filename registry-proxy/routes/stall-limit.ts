/** Runs `work` with a signal that aborts with `failure()` when it takes longer than `limitMs`. */
export async function withTimeLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  limitMs: number,
  failure: () => Error,
  signal: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(failure()), limitMs);
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads what `open` gives and aborts it with `failure()` when nothing comes for `limitMs` while somebody
 * waits; the time that the reader takes between two parts does not count.
 */
export async function* withStallLimit(
  open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  limitMs: number,
  failure: () => Error,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const limit = new AbortController();
  const chunks = open(AbortSignal.any([signal, limit.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => limit.abort(failure()), limitMs);
      let step;
      try {
        step = await chunks.next();
      } finally {
        clearTimeout(timer);
      }
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await chunks.return?.();
  }
}
