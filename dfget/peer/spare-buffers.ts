/**
 * Buffers that readers have done with, for the next ones: touching fresh memory costs more than filling it. Nobody waits; where
 * none is spare one is made.
 */
export class SpareBuffers {
  readonly #lengthBytes: number;
  readonly #countMax: number;
  readonly #spare: Buffer[] = [];

  /** Keeps at most `countMax` buffers of `lengthBytes`. */
  constructor(lengthBytes: number, countMax: number) {
    this.#lengthBytes = lengthBytes;
    this.#countMax = countMax;
  }

  /** A buffer of at least `wantedBytes`, or of the length of all where that is less. What is in it is of no meaning. */
  take(wantedBytes: number): Buffer {
    if (wantedBytes < this.#lengthBytes) return Buffer.allocUnsafeSlow(Math.max(1, wantedBytes));
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#lengthBytes);
  }

  /** Gives a buffer back, whose taker does not touch it again. */
  give(buffer: Buffer): void {
    if (buffer.length === this.#lengthBytes && this.#spare.length < this.#countMax) {
      this.#spare.push(buffer);
    }
  }
}
