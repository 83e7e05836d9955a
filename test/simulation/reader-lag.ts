/** How far a reader that takes bytes in order is behind a perfect stream, on the average over time. */
export class ReaderLag {
  readonly #startMs: number;
  #bytes = 0;
  #atMs: number;
  /** Bytes had, summed up over time. */
  #area = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#atMs = startMs;
  }

  /** More bytes can be read. */
  advance(nowMs: number, bytes: number): void {
    this.#area += this.#bytes * (nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#bytes += bytes;
  }

  /**
   * A perfect stream brings so many bytes per millisecond from the start on. Each moment until the
   * end has a lag: how long ago the perfect stream had what the reader has now. This is their mean.
   */
  meanMs(endMs: number, bytesPerMs: number): number {
    const spanMs = endMs - this.#startMs;
    if (spanMs <= 0) return 0;
    const area = this.#area + this.#bytes * (endMs - this.#atMs);
    return spanMs / 2 - area / bytesPerMs / spanMs;
  }
}
