/**
 * A bounded number of equal buffers that are reused: touching fresh memory for every chunk costs more
 * than copying it. A taker that finds none free waits its turn.
 */
export class BufferPool {
  readonly #lengthBytes: number;
  readonly #free: Buffer[] = [];
  readonly #waiting = new Set<(buffer: Buffer) => void>();
  #madeCount = 0;
  readonly #countMax: number;

  /** At most `countMax` buffers of `lengthBytes` each; they are made when first needed. */
  constructor(lengthBytes: number, countMax: number) {
    this.#lengthBytes = lengthBytes;
    this.#countMax = countMax;
  }

  /** Buffers in use now. */
  get takenCount(): number {
    return this.#madeCount - this.#free.length;
  }

  /**
   * Calls back with a buffer, at once when one is free. Returns a function that withdraws the request;
   * it does nothing once the buffer was given.
   */
  take(onBuffer: (buffer: Buffer) => void): () => void {
    const buffer = this.#free.pop() ?? this.#make();
    if (buffer !== undefined) {
      onBuffer(buffer);
      return () => {};
    }
    this.#waiting.add(onBuffer);
    return () => void this.#waiting.delete(onBuffer);
  }

  /** A buffer for whoever has one already and could do with another; undefined when half of them are taken. */
  takeSpare(): Buffer | undefined {
    if (this.takenCount * 2 >= this.#countMax) return undefined;
    return this.#free.pop() ?? this.#make();
  }

  /** Gives a buffer back; its taker must not touch it again. */
  give(buffer: Buffer): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free.push(buffer);
      return;
    }
    this.#waiting.delete(next);
    next(buffer);
  }

  #make(): Buffer | undefined {
    if (this.#madeCount === this.#countMax) return undefined;
    this.#madeCount += 1;
    return Buffer.allocUnsafeSlow(this.#lengthBytes);
  }
}
