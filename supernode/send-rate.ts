import type { Clock } from "../platform/clock.ts";

/** Spreads what is sent over time: each sending waits until those before it have had their share. */
export class SendRate {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When the bytes taken so far will have left. */
  #busyUntilMs = 0;

  /** `bytesPerSecond` 0 stands for no limit. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when `lengthBytes` may be sent; rejects with the signal's reason. */
  async take(lengthBytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === 0) return;
    const nowMs = this.#clock.nowMs();
    const startMs = Math.max(nowMs, this.#busyUntilMs);
    this.#busyUntilMs = startMs + (lengthBytes / this.#bytesPerSecond) * 1000;
    if (startMs > nowMs) await this.#clock.sleep(startMs - nowMs, signal);
  }
}
