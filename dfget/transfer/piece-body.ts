import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import type { FetchOrder } from "./fetch-message.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";

/** Larger writes to a fresh file cost up to five times as much on virtual machines that give unused memory back. */
const WRITE_SLICE_LENGTH_BYTES = 32 * 1024;

/** Memory of pieces that ended, for the next ones. */
const SPARE: Uint8Array[] = [];
const SPARE_MAX = 32;

/** Takes the bytes of one piece as they come: hashes each slice while it is in the cache and stores it. */
export class PieceBody {
  readonly #hash = createHash("sha256");
  readonly #fd: number | undefined;
  readonly #offsetBytes: number;
  readonly #lengthBytes: number;
  #doneBytes = 0;
  /**
   * On a slow line bytes come a packet at a time, and a write and a hash for each would cost more than all
   * else. They are collected here until they make a slice.
   */
  #collected: Uint8Array | undefined;
  #collectedBytes = 0;
  /** The bytes so far, when they do not go to a file alone. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;

  constructor({
    fd,
    offsetBytes,
    lengthBytes,
    buffer,
  }: Pick<FetchOrder, "fd" | "offsetBytes" | "lengthBytes" | "buffer">) {
    this.#fd = fd;
    this.#offsetBytes = offsetBytes;
    this.#lengthBytes = lengthBytes;
    if (buffer !== undefined) this.bytes = new Uint8Array(buffer, 0, lengthBytes);
    else this.bytes = fd === undefined ? new Uint8Array(lengthBytes) : undefined;
  }

  /** Bytes still to come. */
  get leftBytes(): number {
    return this.#lengthBytes - this.#doneBytes - this.#collectedBytes;
  }

  /** Takes the next bytes; the caller sees to it that they are not too many. Throws PieceFetchError. */
  push(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;) {
      const slice = chunk.subarray(done, done + WRITE_SLICE_LENGTH_BYTES - this.#collectedBytes);
      done += slice.length;
      if (slice.length === WRITE_SLICE_LENGTH_BYTES) this.#take(slice);
      else this.#collect(slice);
    }
  }

  /** Stores what was collected; nothing comes after it. Throws PieceFetchError. */
  end(): void {
    this.#flush();
    if (this.#collected && SPARE.length < SPARE_MAX) SPARE.push(this.#collected);
    this.#collected = undefined;
  }

  /** The sha256 of everything, once the body has ended. */
  digest(): Uint8Array {
    // A copy: the digest may lie in a pool that would be cloned whole on its way to another thread.
    return Uint8Array.from(this.#hash.digest());
  }

  #collect(slice: Uint8Array): void {
    this.#collected ??= SPARE.pop() ?? new Uint8Array(WRITE_SLICE_LENGTH_BYTES);
    this.#collected.set(slice, this.#collectedBytes);
    this.#collectedBytes += slice.length;
    if (this.#collectedBytes === WRITE_SLICE_LENGTH_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#collectedBytes > 0) this.#take(this.#collected!.subarray(0, this.#collectedBytes));
    this.#collectedBytes = 0;
  }

  #take(slice: Uint8Array): void {
    for (let done = 0; done < slice.length;) done += this.#store(slice.subarray(done));
    this.#hash.update(slice);
  }

  #store(slice: Uint8Array): number {
    const offsetBytes = this.#offsetBytes + this.#doneBytes;
    let storedBytes = slice.length;
    if (this.#fd !== undefined) storedBytes = writeSlice(this.#fd, slice, offsetBytes);
    this.bytes?.set(slice, this.#doneBytes);
    this.#doneBytes += storedBytes;
    return storedBytes;
  }
}

function writeSlice(fd: number, slice: Uint8Array, offsetBytes: number): number {
  try {
    return writeSync(fd, slice, 0, slice.length, offsetBytes);
  } catch (error) {
    const reason = (error as Error).message;
    throw new PieceFetchError("disk", `The piece could not be written: ${reason}`);
  }
}
