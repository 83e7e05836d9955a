/** Hands out the lowest number that is free, so that numbers stay small and can index arrays. */
export class LowestFree {
  #next = 0;
  readonly #given = new Set<number>();

  /** A number that nobody has. */
  take(): number {
    while (this.#given.has(this.#next)) this.#next += 1;
    const number = this.#next;
    this.#given.add(number);
    this.#next += 1;
    return number;
  }

  /** Gives a number back. */
  give(number: number): void {
    if (this.#given.delete(number) && number < this.#next) this.#next = number;
  }
}
