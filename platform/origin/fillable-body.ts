/** A body that is read into the memory of whoever reads it. */
export interface FillableBody {
  /**
   * Fills `target` with the next bytes; resolves with how many there were: fewer than fit only at the end. Calls `onBytes` as
   * they come, also before it rejects. One call at a time. Rejects as reading the body throws.
   */
  readInto(target: Uint8Array, onBytes: (lengthBytes: number) => void): Promise<number>;
}

/** Any body, read that way. */
export class IteratedBody implements FillableBody {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  async readInto(target: Uint8Array, onBytes: (lengthBytes: number) => void): Promise<number> {
    let filledBytes = 0;
    while (filledBytes < target.length) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) break;
        this.#rest = next.value;
      }
      const part = viewOf(this.#rest);
      // Not by `set`, which is slow where the memory is shared between threads.
      const copiedBytes = part.copy(target, filledBytes);
      this.#rest = this.#rest.subarray(copiedBytes);
      filledBytes += copiedBytes;
      if (copiedBytes > 0) onBytes(copiedBytes);
    }
    return filledBytes;
  }
}

/** The body as one that fills, by its own means where it has them. */
export function fillable(body: AsyncIterable<Uint8Array> & Partial<FillableBody>): FillableBody {
  const { readInto } = body;
  return readInto ? { readInto: readInto.bind(body) } : new IteratedBody(body);
}

function viewOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
