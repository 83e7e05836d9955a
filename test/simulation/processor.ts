/** A host's processor: it works on one piece at a time, in the order of coming. */
export class Processor {
  #freeMs = 0;

  /** When work that comes now is done. */
  occupy(nowMs: number, forMs: number): number {
    this.#freeMs = Math.max(nowMs, this.#freeMs) + forMs;
    return this.#freeMs;
  }
}
