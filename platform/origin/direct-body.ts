import type { FillableBody } from "./fillable-body.ts";
import type { ReceiveBuffers } from "./receive-buffers.ts";

/** A shorter body is not worth its connection. */
export const DIRECT_LENGTH_BYTES_MIN = 4 * 1024 * 1024;

/** Where the first read after a rest goes, when it is not known yet where its bytes belong. */
const FIRST_READ_BYTES = 16 * 1024;

/**
 * What is left of a body of known length, received straight into the memory of whoever reads it and not by way of the parser of
 * HTTP, which has read the head before and is not asked again. So the connection is of no use afterwards. What
 * comes behind the body is not looked at.
 */
export class DirectBody implements FillableBody {
  readonly #connection: ReceiveBuffers;
  readonly #first = Buffer.allocUnsafeSlow(FIRST_READ_BYTES);
  #leftBytes: number;
  /** Came when nobody waited for it; nothing is read before it was taken. */
  #early: Buffer | undefined;
  #target: Uint8Array = new Uint8Array();
  #filledBytes = 0;
  #aim: Uint8Array | undefined;
  #onBytes: (lengthBytes: number) => void = () => undefined;
  /** When the waiting began, or bytes came last. */
  #sinceMs = 0;
  #filling: PromiseWithResolvers<number> | undefined;

  constructor(connection: ReceiveBuffers, lengthBytes: number) {
    this.#connection = connection;
    this.#leftBytes = lengthBytes;
    this.#early = connection.divert(this);
  }

  /** Whether all of it was handed out. */
  get isRead(): boolean {
    return this.#leftBytes === 0;
  }

  /** For how long somebody has been waiting for bytes and has got none; 0 when nobody waits. */
  get awaitedMs(): number {
    return this.#filling ? performance.now() - this.#sinceMs : 0;
  }

  async readInto(target: Uint8Array, onBytes: (lengthBytes: number) => void): Promise<number> {
    this.#target = target.subarray(0, this.#leftBytes);
    this.#filledBytes = 0;
    this.#onBytes = onBytes;
    const early = this.#early;
    this.#early = undefined;
    if (early) this.#copy(early);
    if (this.#filledBytes === this.#target.length) return this.#filledBytes;
    this.#filling = Promise.withResolvers<number>();
    this.#sinceMs = performance.now();
    this.#connection.goOn();
    return await this.#filling.promise;
  }

  /** The connection is gone, and nothing is written into the target any more. */
  fail(error: unknown): void {
    this.#filling?.reject(error);
    this.#filling = undefined;
  }

  /** Where the connection puts what it reads next. */
  aim(): Uint8Array {
    this.#aim = this.#filling && this.#target.subarray(this.#filledBytes);
    return this.#aim ?? this.#first;
  }

  /** So many bytes came into a buffer; returns whether more may be read. */
  received(buffer: Buffer, lengthBytes: number): boolean {
    if (!this.#filling) {
      this.#early = buffer.subarray(0, lengthBytes);
      return false;
    }
    if (buffer === this.#aim) this.#count(lengthBytes);
    else this.#copy(buffer.subarray(0, lengthBytes));
    if (this.#filledBytes < this.#target.length) return true;
    this.#filling.resolve(this.#filledBytes);
    this.#filling = undefined;
    return false;
  }

  #copy(bytes: Buffer): void {
    // Not by `set`, which is slow where the memory is shared between threads.
    const copiedBytes = bytes.copy(this.#target, this.#filledBytes);
    if (copiedBytes < bytes.length) this.#early = bytes.subarray(copiedBytes);
    this.#count(copiedBytes);
  }

  #count(lengthBytes: number): void {
    this.#filledBytes += lengthBytes;
    this.#leftBytes -= lengthBytes;
    this.#sinceMs = performance.now();
    this.#onBytes(lengthBytes);
  }
}
