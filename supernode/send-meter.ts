import type { Clock } from "../platform/clock.ts";

/** How long figures are gathered before they are told. */
const WINDOW_MS = 500;
/** A gap so long says that nobody asked, not that the sending is slow. */
const GAP_MS = 250;

/** Measures how fast the seed sends while it is busy. */
export class SendMeter {
  readonly #clock: Clock;
  readonly #onRate: (bytesPerSecond: number) => void;
  #startMs = 0;
  #lastMs = -Infinity;
  #bytes = 0;

  constructor(clock: Clock, onRate: (bytesPerSecond: number) => void) {
    this.#clock = clock;
    this.#onRate = onRate;
  }

  /** Bytes have just been sent. */
  sent(lengthBytes: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lastMs > GAP_MS) {
      this.#startMs = nowMs;
      this.#bytes = 0;
    } else this.#bytes += lengthBytes;
    this.#lastMs = nowMs;
    const windowMs = nowMs - this.#startMs;
    if (windowMs < WINDOW_MS) return;
    this.#onRate(Math.round((this.#bytes / windowMs) * 1000));
    this.#startMs = nowMs;
    this.#bytes = 0;
  }
}
