import type { Clock } from "../../platform/clock.ts";

/** How many downloads run, and since when none has. */
export class Activity {
  readonly #clock: Clock;
  #running = 0;
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

  /** Resolves once no download has run for `idleMs`; rejects with the signal's reason. */
  async idleFor(idleMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.#running > 0 ? idleMs : this.#idleSinceMs + idleMs - this.#clock.nowMs();
      if (this.#running === 0 && leftMs <= 0) return;
      await this.#clock.sleep(Math.max(leftMs, 1), signal);
    }
  }
}
