import type { Clock } from "../../platform/clock.ts";

/** Whoever starts a daemon has this long to come with the first download, on a busy machine too. */
const FIRST_DOWNLOAD_MS = 15_000;

/** How many downloads run, and since when none has. */
export class Activity {
  readonly #clock: Clock;
  #running = 0;
  #hasBegun = false;
  #idleSinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#idleSinceMs = clock.nowMs();
  }

  /** How many downloads run now. */
  get running(): number {
    return this.#running;
  }

  /** Counts one download until what is returned is disposed. */
  begin(): Disposable {
    this.#running += 1;
    this.#hasBegun = true;
    let hasEnded = false;
    return {
      [Symbol.dispose]: () => {
        if (hasEnded) return;
        hasEnded = true;
        this.#running -= 1;
        if (this.#running === 0) this.#idleSinceMs = this.#clock.nowMs();
      },
    };
  }

  /**
   * Resolves once no download has run for `idleMs`, or for 15 seconds where that is longer and none has run yet;
   * rejects with the signal's reason.
   */
  async idleFor(idleMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const limitMs = this.#hasBegun ? idleMs : Math.max(idleMs, FIRST_DOWNLOAD_MS);
      const leftMs = this.#running > 0 ? idleMs : this.#idleSinceMs + limitMs - this.#clock.nowMs();
      if (this.#running === 0 && leftMs <= 0) return;
      await this.#clock.sleep(Math.max(Math.min(leftMs, idleMs), 1), signal);
    }
  }
}
