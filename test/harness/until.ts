import { setTimeout as delay } from "node:timers/promises";

/** Longer than anything takes that a test waits for, on a busy machine too: only what never comes is to fail by it. */
export const PATIENCE_MS = 30_000;

export interface UntilOptions {
  /** What is waited for, as the end of the sentence "waited 5000 ms for …". */
  readonly what: string;
  /** Usually left out. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks `condition` again and again until it gives something other than `undefined` or `false`, and returns that.
 * Throws a sentence naming `what` after `timeoutMs` (30 seconds), or the reason of `signal` when that aborts first.
 */
export async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: UntilOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? PATIENCE_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${options.what}, in vain`);
    }
    await delay(
      options.intervalMs ?? 25,
      undefined,
      options.signal ? { signal: options.signal } : {},
    );
  }
}
