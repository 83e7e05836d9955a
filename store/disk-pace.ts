import type { Clock } from "../platform/clock.ts";

/** A file so short is written in a tenth of the time that it takes to have another thread do it. */
const SHORT_FILE_BYTES_MAX = 64 * 1024;
/** Who waited so long for a disk did not wait for its cache. */
const SLOW_MS = 20;
/** After that nobody waits for it for a while. */
const CAREFUL_MS = 2000;

/**
 * Whether short files are made, written and closed at once, or by other threads as all others are: the former takes a few
 * microseconds as long as the disk's cache takes them, but everything waits when it does not.
 */
export class DiskPace {
  readonly #clock: Clock;
  #carefulUntilMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a file of that length is short, and the disk was quick of late. */
  isAtOnce(lengthBytes: number | undefined): boolean {
    return isShortFile(lengthBytes) && this.#clock.nowMs() >= this.#carefulUntilMs;
  }

  /** Does what may wait for the disk, and sees how long it takes. */
  run<T>(work: () => T): T {
    const startedMs = this.#clock.nowMs();
    try {
      return work();
    } finally {
      const nowMs = this.#clock.nowMs();
      if (nowMs - startedMs > SLOW_MS) this.#carefulUntilMs = nowMs + CAREFUL_MS;
    }
  }
}

/** Whether the file of a task of that length is short. */
export function isShortFile(lengthBytes: number | undefined): boolean {
  return lengthBytes !== undefined && lengthBytes <= SHORT_FILE_BYTES_MAX;
}
