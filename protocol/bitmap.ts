/**
 * A set of piece indices, one bit each.
 *
 * The wire form is least-significant-bit first in each byte: piece 0 is bit 0 of byte 0. Words are
 * 32 bits wide so that set operations cost one instruction for 32 pieces.
 */
export class Bitmap {
  #words: Uint32Array;
  #length: number;
  #count = 0;

  /** `length` is the number of pieces the map can hold, 0 or more. All bits begin clear. */
  constructor(length: number) {
    if (!Number.isSafeInteger(length) || length < 0)
      throw new RangeError(`bitmap length ${length}`);
    this.#length = length;
    this.#words = new Uint32Array((length + 31) >>> 5);
  }

  /** How many pieces the map can hold. */
  get length(): number {
    return this.#length;
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  /** True when every bit is set; an empty map is full. */
  get isFull(): boolean {
    return this.#count === this.#length;
  }

  /** The words behind the map, for set operations; the caller must not write to them. */
  get words(): Readonly<Uint32Array> {
    return this.#words;
  }

  /** Whether `index` is in the set; false for an index out of range. */
  has(index: number): boolean {
    if (index < 0 || index >= this.#length) return false;
    return ((this.#words[index >>> 5]! >>> (index & 31)) & 1) === 1;
  }

  /** Adds `index`. Returns false if it was there already. Throws RangeError out of range. */
  add(index: number): boolean {
    this.#check(index);
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    if ((this.#words[word]! & bit) !== 0) return false;
    this.#words[word]! |= bit;
    this.#count += 1;
    return true;
  }

  /** Removes `index`. Returns false if it was not there. Throws RangeError out of range. */
  delete(index: number): boolean {
    this.#check(index);
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    if ((this.#words[word]! & bit) === 0) return false;
    this.#words[word]! &= ~bit;
    this.#count -= 1;
    return true;
  }

  /** Makes room for `length` pieces; new bits are clear. Throws RangeError when it would shrink. */
  grow(length: number): void {
    if (length < this.#length) throw new RangeError(`bitmap cannot shrink to ${length}`);
    const wordCount = (length + 31) >>> 5;
    if (wordCount > this.#words.length) {
      const words = new Uint32Array(wordCount);
      words.set(this.#words);
      this.#words = words;
    }
    this.#length = length;
  }

  /** The first index at or after `from` that is not in the set, or -1. */
  firstMissing(from = 0): number {
    let index = from;
    while (index < this.#length) {
      const word = ~this.#words[index >>> 5]! >>> (index & 31);
      if (word !== 0) {
        const found = index + (31 - Math.clz32(word & -word));
        return found < this.#length ? found : -1;
      }
      index = ((index >>> 5) + 1) << 5;
    }
    return -1;
  }

  /** The first index at or after `from` that is in the set, or -1. */
  firstPresent(from = 0): number {
    let index = from;
    while (index < this.#length) {
      const word = this.#words[index >>> 5]! >>> (index & 31);
      if (word !== 0) return index + (31 - Math.clz32(word & -word));
      index = ((index >>> 5) + 1) << 5;
    }
    return -1;
  }

  /** The indices in the set, ascending. The set must not change while they are read. */
  *[Symbol.iterator](): Generator<number> {
    for (let index = this.firstPresent(); index >= 0; index = this.firstPresent(index + 1))
      yield index;
  }

  /** A copy that shares nothing with this map. */
  clone(): Bitmap {
    const copy = new Bitmap(this.#length);
    copy.#words.set(this.#words);
    copy.#count = this.#count;
    return copy;
  }

  /** The wire form, ceil(length / 8) bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array((this.#length + 7) >>> 3);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#words[i >>> 2]! >>> ((i & 3) << 3);
    return bytes;
  }

  /**
   * Reads the wire form of a map of `length` pieces. Throws RangeError when the byte count does not
   * fit or a bit past the end is set: both mean that the sender speaks of another task.
   */
  static fromBytes(bytes: Uint8Array, length: number): Bitmap {
    const map = new Bitmap(length);
    if (bytes.length !== (length + 7) >>> 3) {
      throw new RangeError(`bitmap of ${bytes.length} bytes for ${length} pieces`);
    }
    for (let i = 0; i < bytes.length; i++) map.#words[i >>> 2]! |= bytes[i]! << ((i & 3) << 3);
    if ((length & 31) !== 0 && map.#words.length > 0) {
      const past = map.#words[map.#words.length - 1]! >>> (length & 31);
      if (past !== 0) throw new RangeError(`bitmap has bits past piece ${length - 1}`);
    }
    for (const word of map.#words) map.#count += bitCount(word);
    return map;
  }

  /** A map of `length` pieces with every bit set. */
  static full(length: number): Bitmap {
    const map = new Bitmap(length);
    map.#words.fill(0xffffffff);
    if ((length & 31) !== 0)
      map.#words[map.#words.length - 1] = 0xffffffff >>> (32 - (length & 31));
    map.#count = length;
    return map;
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.#length) {
      throw new RangeError(`piece ${index} of ${this.#length}`);
    }
  }
}

/** How many bits of a 32-bit word are set. */
export function bitCount(word: number): number {
  let value = word - ((word >>> 1) & 0x55555555);
  value = (value & 0x33333333) + ((value >>> 2) & 0x33333333);
  return (((value + (value >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
