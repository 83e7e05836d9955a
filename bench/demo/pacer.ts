import type { Clock } from "../../platform/clock.ts";

/** How far the line may lag behind its rate before what was missed is lost. */
const LAG_MS_MAX = 50;

/** A line of a fixed rate that many share: each waits until its bytes would have passed. */
export class Pacer {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Resolves when the bytes have passed, in the order of the calls; rejects with the signal's reason. */
  async take(lengthBytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const startMs = Math.max(this.#freeAtMs, nowMs - LAG_MS_MAX);
    this.#freeAtMs = startMs + (lengthBytes * 1000) / this.#bytesPerSecond;
    // Timers are no finer than a millisecond; what is waited too long is made up by LAG_MS_MAX.
    const delayMs = Math.floor(this.#freeAtMs - nowMs);
    if (delayMs > 0) await this.#clock.sleep(delayMs, signal);
  }
}
