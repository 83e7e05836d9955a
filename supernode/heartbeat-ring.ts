/**
 * Members dealt out to the slots of a ring, of which one after the other is due. What is done to each member once a round is so
 * spread over the round: to ping ten thousand nodes in one go keeps everybody waiting for a fifth of a second.
 */
export class HeartbeatRing<T> {
  readonly #slots: readonly Set<T>[];
  readonly #slotOf = new Map<T, Set<T>>();
  #next = 0;

  constructor(slotCount: number) {
    this.#slots = Array.from({ length: slotCount }, () => new Set<T>());
  }

  get size(): number {
    return this.#slotOf.size;
  }

  /** Puts a member into the slot with the fewest. */
  add(member: T): void {
    let emptiest = this.#slots[0]!;
    for (const slot of this.#slots) if (slot.size < emptiest.size) emptiest = slot;
    emptiest.add(member);
    this.#slotOf.set(member, emptiest);
  }

  delete(member: T): void {
    this.#slotOf.get(member)?.delete(member);
    this.#slotOf.delete(member);
  }

  /** The members of the slot that is due now. */
  due(): Iterable<T> {
    const slot = this.#slots[this.#next]!;
    this.#next = (this.#next + 1) % this.#slots.length;
    return slot;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#slotOf.keys();
  }
}
