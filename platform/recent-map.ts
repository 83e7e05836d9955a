/** A map that holds at most `sizeMax` entries and forgets the one used longest ago. */
export class RecentMap<K, V extends object> {
  readonly #map = new Map<K, V>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#map.size;
  }

  /** The value of a key, which counts as used now. */
  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size > this.#sizeMax) this.#map.delete(this.#map.keys().next().value!);
  }

  delete(key: K): void {
    this.#map.delete(key);
  }

  /** Every key, the one used longest ago first; they may be deleted on the way. */
  keys(): IterableIterator<K> {
    return this.#map.keys();
  }
}
