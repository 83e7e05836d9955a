/** Time, passed in so that tests and the simulator can bring their own. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  nowMs(): number;
  /** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** A source of randomness in [0, 1), passed in so that a run can be repeated. */
export type Random = () => number;

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  // Node loads a fifth of a short run's modules for the first look at `performance`.
  nowMs() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  async sleep(delayMs, signal) {
    signal.throwIfAborted();
    // Most sleeps are waits for what comes first, and end early: node:timers/promises would make an error with a stack for each.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal.addEventListener("abort", onAbort, { once: true });
    await promise;
  },
};
