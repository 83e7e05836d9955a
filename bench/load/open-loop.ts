/**
 * Moments at which things are due at a fixed rate, whatever becomes of them. A crowd does not wait for answers, so each latency is
 * counted from the moment when its request was due, and not from when a busy driver came to send it.
 */
export class OpenLoop {
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #count: number;
  #taken = 0;

  /** `count` things from `startMs` on, `perSecond` of them in a second. */
  constructor(startMs: number, perSecond: number, count: number) {
    this.#startMs = startMs;
    this.#intervalMs = 1000 / perSecond;
    this.#count = count;
  }

  get isOver(): boolean {
    return this.#taken >= this.#count;
  }

  /** When the thing with this index is due. */
  dueMs(index: number): number {
    return this.#startMs + index * this.#intervalMs;
  }

  /** The indexes of what has become due by `nowMs` and was not taken before. */
  *take(nowMs: number): Generator<number> {
    while (!this.isOver && this.dueMs(this.#taken) <= nowMs) yield this.#taken++;
  }
}
