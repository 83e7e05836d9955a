import { read } from "node:fs";

import type { TokenBucket } from "../platform/token-bucket.ts";
import type { TaskId } from "../protocol/task-id.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { PieceRequest } from "./piece-server.ts";

/** Fills `target` with bytes of held pieces from memory; false when they have to be read from the file. */
export type CopyRecent = (taskId: TaskId, offsetBytes: number, target: Uint8Array) => boolean;

/** Bytes in memory that do not change before this is disposed. */
export interface LentBytes extends Disposable {
  readonly bytes: Uint8Array;
}

/** Lends bytes of held pieces that are in memory, from an offset on; undefined when they have to be copied or read. */
export type LendRecent = (
  taskId: TaskId,
  offsetBytes: number,
  lengthBytesMax: number,
) => LentBytes | undefined;

/** What is lent is written at once, so it is not much. */
const LENT_BYTES_MAX = 1024 * 1024;

interface PieceSendParts {
  readonly piece: PieceRequest;
  readonly buffers: BufferPool;
  readonly bucket: TokenBucket;
  readonly copyRecent: CopyRecent;
  readonly lendRecent: LendRecent;
}

/**
 * The body of one response. While one buffer is on its way to the client the next part is read into another, where the
 * pool has one to spare.
 */
export class PieceSend {
  readonly #parts: PieceSendParts;
  #resting: NodeJS.Timeout | undefined;
  /** Where the next part is to be read. */
  #offsetBytes = 0;
  /** Bytes that were not read yet. */
  #leftBytes: number;
  #sentBytes = 0;
  #buffer: Buffer | undefined;
  #spare: Buffer | undefined;
  #lent: LentBytes | undefined;
  /** What the spare buffer holds, once it was read. */
  #aheadBytes = 0;
  /** A read fills a buffer from the file; neither may go before that ended. */
  #isReading = false;
  /** The client has everything that was written to it. */
  #isDrained = true;
  #isClosed = false;
  #onEnd: (sentBytes: number, isComplete: boolean) => void = () => {};
  #takeBack = (): void => {};

  constructor(parts: PieceSendParts, lengthBytes: number) {
    this.#parts = parts;
    this.#leftBytes = lengthBytes;
  }

  run(offsetBytes: number, onEnd: (sentBytes: number, isComplete: boolean) => void): void {
    const { piece, buffers } = this.#parts;
    const { response } = piece;
    this.#offsetBytes = offsetBytes;
    this.#onEnd = onEnd;
    response.on("error", () => {});
    response.once("close", () => {
      this.#isClosed = true;
      if (!this.#isReading) this.#over();
    });
    if (this.#leftBytes === 0) {
      response.end();
      return;
    }
    this.#lendOr(() => {
      this.#takeBack = buffers.take((buffer) => {
        this.#buffer = buffer;
        this.#readWhenDue(buffer);
      });
    });
  }

  /** Sends what is in memory from there, and does something else for the rest. */
  #lendOr(otherwise: () => void): void {
    const { piece, bucket, lendRecent } = this.#parts;
    const { task, pieceIndex, response } = piece;
    // Under a limit what is sent must be even, and what is lent comes back late.
    const isLendable = bucket.bytesPerSecond === 0 && task.have.has(pieceIndex);
    const lengthBytesMax = Math.min(LENT_BYTES_MAX, this.#leftBytes);
    const lent = isLendable
      ? lendRecent(task.record.taskId, this.#offsetBytes, lengthBytesMax)
      : undefined;
    if (!lent) {
      otherwise();
      return;
    }
    this.#lent = lent;
    const { length } = lent.bytes;
    this.#wasRead(length);
    const sent = (error?: Error | null): void => {
      if (error) return;
      this.#sentBytes += length;
      this.#giveLent();
      if (this.#leftBytes > 0 && !this.#isClosed) this.#lendOr(otherwise);
    };
    if (this.#leftBytes > 0) response.write(lent.bytes, sent);
    else response.end(lent.bytes, sent);
  }

  /** What was sent before, also of other pieces, may have used up the rate for a while. */
  #readWhenDue(buffer: Buffer): void {
    const restMs = this.#parts.bucket.take(0);
    if (restMs < 1) this.#read(buffer, (readBytes) => this.#write(buffer, readBytes));
    else this.#resting = setTimeout(() => this.#readWhenDue(buffer), restMs);
  }

  /** Reads the next part and goes on with its length; drops the response when that cannot be done. */
  #read(buffer: Buffer, then: (readBytes: number) => void): void {
    const { piece, bucket, copyRecent } = this.#parts;
    const { task, pieceIndex, response } = piece;
    if (!task.have.has(pieceIndex)) {
      response.destroy();
      return;
    }
    const lengthBytes = Math.min(bucket.sliceBytes(buffer.length), this.#leftBytes);
    if (copyRecent(task.record.taskId, this.#offsetBytes, buffer.subarray(0, lengthBytes))) {
      this.#wasRead(lengthBytes);
      then(lengthBytes);
      return;
    }
    this.#isReading = true;
    read(task.fd, buffer, 0, lengthBytes, this.#offsetBytes, (error, readBytes) => {
      this.#isReading = false;
      if (this.#isClosed) {
        this.#over();
      } else if (error !== null || readBytes === 0) {
        // The head promised more: only a broken connection tells the client.
        response.destroy();
      } else {
        this.#wasRead(readBytes);
        then(readBytes);
      }
    });
  }

  #wasRead(lengthBytes: number): void {
    this.#offsetBytes += lengthBytes;
    this.#leftBytes -= lengthBytes;
  }

  #write(buffer: Buffer, lengthBytes: number): void {
    const { piece, bucket } = this.#parts;
    this.#isDrained = false;
    piece.response.write(buffer.subarray(0, lengthBytes), (error) => {
      if (error !== null && error !== undefined) return;
      this.#sentBytes += lengthBytes;
      bucket.take(lengthBytes);
      if (this.#isClosed) return;
      this.#isDrained = true;
      this.#goOn(buffer);
    });
    this.#readAhead();
  }

  /** `buffer` may be used again. */
  #goOn(buffer: Buffer): void {
    if (this.#aheadBytes > 0) {
      const readBytes = this.#aheadBytes;
      this.#aheadBytes = 0;
      this.#buffer = this.#spare!;
      this.#spare = buffer;
      this.#write(this.#buffer, readBytes);
    } else if (this.#isReading) return;
    else if (this.#leftBytes > 0) this.#readWhenDue(buffer);
    else {
      this.#giveBuffers();
      this.#parts.piece.response.end();
    }
  }

  /** Not under a limit: what is sent must be even then. */
  #readAhead(): void {
    const { bucket, buffers } = this.#parts;
    if (this.#leftBytes === 0 || bucket.bytesPerSecond > 0 || this.#isClosed) return;
    this.#spare ??= buffers.takeSpare();
    if (this.#spare === undefined) return;
    this.#read(this.#spare, (readBytes) => {
      this.#aheadBytes = readBytes;
      if (this.#isDrained) this.#goOn(this.#buffer!);
    });
  }

  #giveLent(): void {
    this.#lent?.[Symbol.dispose]();
    this.#lent = undefined;
  }

  #over(): void {
    clearTimeout(this.#resting);
    this.#giveLent();
    this.#takeBack();
    this.#giveBuffers();
    const isComplete = this.#leftBytes === 0 && this.#parts.piece.response.writableFinished;
    this.#onEnd(this.#sentBytes, isComplete);
  }

  #giveBuffers(): void {
    const { buffers } = this.#parts;
    for (const buffer of [this.#buffer, this.#spare]) if (buffer) buffers.give(buffer);
    this.#buffer = undefined;
    this.#spare = undefined;
  }
}
