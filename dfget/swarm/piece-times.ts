const CAPACITY = 32;
const FEW = 8;
const PATIENCE_MAX = 1024;

/**
 * The last few durations of something, in milliseconds, and what may be called late by them.
 *
 * Transfers that were given up are no figures: a few sources that hang must not make every later one
 * be waited for longer. But while nothing arrives any more each round of them doubles the patience, so
 * that, when everything takes longer than it used to, somebody is served in the end.
 */
export class PieceTimes {
  readonly #ring = new Float64Array(CAPACITY);
  #sorted: Float64Array | undefined;
  #total = 0;
  #patience = 1;
  #doubledMs = -Infinity;

  /** How many durations have been added, ever. */
  get total(): number {
    return this.#total;
  }

  /** By how much more than `limitMs` something may take, because nothing arrives: 1 or more. */
  get patience(): number {
    return this.#patience;
  }

  /** Notes a duration; negative ones are ignored. */
  add(durationMs: number): void {
    if (!(durationMs >= 0)) return;
    this.#patience = 1;
    this.#ring[this.#total % CAPACITY] = durationMs;
    this.#total += 1;
    this.#sorted = undefined;
  }

  /** Something that began at `startMs` was given up. Those that ran side by side count once. */
  giveUp(nowMs: number, startMs: number): void {
    if (startMs < this.#doubledMs) return;
    this.#doubledMs = nowMs;
    this.#patience = Math.min(PATIENCE_MAX, 2 * this.#patience);
  }

  /** The given quantile, from 0 to 1, of the durations kept; 0 when there are none. */
  quantile(share: number): number {
    const count = Math.min(this.#total, CAPACITY);
    if (count === 0) return 0;
    this.#sorted ??= this.#ring.slice(0, count).sort();
    return this.#sorted[Math.min(count - 1, Math.floor(share * count))]!;
  }

  /**
   * How long something may take: `factor` times the 90 % quantile and at least `minMs`; `firstMs`
   * at least, and counting from the longest, while there are few figures.
   */
  limitMs(factor: number, minMs: number, firstMs: number): number {
    if (this.#total < FEW) return Math.max(firstMs, factor * this.quantile(1));
    return Math.max(minMs, factor * this.quantile(0.9));
  }
}
