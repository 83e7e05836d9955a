import type { Clock } from "../../platform/clock.ts";

/** So much may pass at once after a pause. */
const BURST_MS = 50;

/** Lets bytes pass at no more than a rate, which all files of one call share. */
export class DeliveryPace {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  #freeMs = -Infinity;

  /** `bytesPerSecond` 0 is no limit. */
  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
  }

  /** Waits until `lengthBytes` more may pass. Rejects with the signal's reason. */
  async pass(lengthBytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerMs === 0) return;
    const nowMs = this.#clock.nowMs();
    this.#freeMs = Math.max(this.#freeMs, nowMs - BURST_MS) + lengthBytes / this.#bytesPerMs;
    if (this.#freeMs > nowMs) await this.#clock.sleep(this.#freeMs - nowMs, signal);
  }
}
