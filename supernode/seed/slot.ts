/** Memory that the bytes of a content are handed over in, from one thread to another. */
export class Slot {
  readonly index: number;
  readonly #bytes: Buffer;

  constructor(index: number, memory: SharedArrayBuffer) {
    this.index = index;
    this.#bytes = Buffer.from(memory);
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** The memory from an offset on, to be filled by others. */
  room(offsetBytes: number, lengthBytes: number): Uint8Array {
    return this.#bytes.subarray(offsetBytes, offsetBytes + lengthBytes);
  }

  /**
   * Puts the bytes of `source` from `from` on at an offset, `lengthBytesMax` at most; returns how many there were. It is done
   * by `copy`, because `set` copies into shared memory byte by byte where the two do not lie alike: eight times as long.
   */
  fill(offsetBytes: number, source: Uint8Array, from: number, lengthBytesMax: number): number {
    const lengthBytes = Math.min(lengthBytesMax, source.length - from);
    viewOf(source).copy(this.#bytes, offsetBytes, from, from + lengthBytes);
    return lengthBytes;
  }

  /** Fills `target` with the bytes from an offset on. */
  copyTo(offsetBytes: number, target: Uint8Array): void {
    this.#bytes.copy(target, 0, offsetBytes, offsetBytes + target.length);
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
