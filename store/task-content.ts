import { Bitmap } from "../protocol/bitmap.ts";
import { PIECE_COUNT_MAX } from "../protocol/limits.ts";
import { certificateSha256 } from "../protocol/piece-certificate.ts";
import type { PieceSpan } from "../protocol/piece-table.ts";
import { pieceCount, pieceSpan } from "../protocol/piece-table.ts";
import type { TaskRow } from "./task-row.ts";
import { checkShape } from "./task-row.ts";

/** Which pieces of one task are held, with their certificates. Keeps the counts of its row in step. */
export class TaskContent {
  readonly row: TaskRow;
  #have: Bitmap;
  #certificates = new Map<number, Uint8Array>();

  /** The row must count no pieces; they are added. */
  constructor(row: TaskRow) {
    this.row = row;
    this.#have = new Bitmap(this.#pieceCount());
  }

  get have(): Bitmap {
    return this.#have;
  }

  get isComplete(): boolean {
    return this.row.lengthBytes !== undefined && this.#have.isFull;
  }

  certificate(pieceIndex: number): Uint8Array | undefined {
    return this.#certificates.get(pieceIndex);
  }

  /** Where a piece lies; of a task of unknown length every piece counts as whole. */
  span(pieceIndex: number): PieceSpan {
    const { lengthBytes, pieceLengthBytes } = this.row;
    if (lengthBytes !== undefined) return pieceSpan(pieceIndex, lengthBytes, pieceLengthBytes);
    if (!Number.isInteger(pieceIndex) || pieceIndex < 0 || pieceIndex >= PIECE_COUNT_MAX) {
      throw new RangeError(`piece ${pieceIndex} of a task of unknown length`);
    }
    return { offsetBytes: pieceIndex * pieceLengthBytes, lengthBytes: pieceLengthBytes };
  }

  /** As {@link span}, undefined for a piece that the task does not have. */
  spanOrNone(pieceIndex: number): PieceSpan | undefined {
    try {
      return this.span(pieceIndex);
    } catch {
      return undefined;
    }
  }

  /** Where the last held piece ends; the file is at least as long. */
  get endBytes(): number {
    let index = this.#have.length - 1;
    while (index >= 0 && !this.#have.has(index)) index -= 1;
    if (index < 0) return 0;
    const { offsetBytes, lengthBytes } = this.span(index);
    return offsetBytes + lengthBytes;
  }

  /** Adds a piece and returns its length; 0 when it was held already. */
  add(pieceIndex: number, certificate: Uint8Array): number {
    const { lengthBytes } = this.span(pieceIndex);
    if (certificateSha256(certificate) === undefined) {
      throw new TypeError(`piece ${pieceIndex} has no readable certificate`);
    }
    if (pieceIndex >= this.#have.length) this.#have.grow(pieceIndex + 1);
    if (!this.#have.add(pieceIndex)) return 0;
    this.#certificates.set(pieceIndex, certificate.slice());
    this.row.heldPieces += 1;
    this.row.heldBytes += lengthBytes;
    return lengthBytes;
  }

  /** Removes a piece and returns its length; 0 when it was not held. */
  remove(pieceIndex: number): number {
    if (!this.#have.has(pieceIndex)) return 0;
    const { lengthBytes } = this.span(pieceIndex);
    this.#have.delete(pieceIndex);
    this.#certificates.delete(pieceIndex);
    this.row.heldPieces -= 1;
    this.row.heldBytes -= lengthBytes;
    return lengthBytes;
  }

  /** Removes every piece. */
  clear(): void {
    const have = this.#have;
    for (let index = have.firstPresent(); index >= 0; index = have.firstPresent(index + 1)) {
      have.delete(index);
    }
    this.#certificates.clear();
    this.row.heldPieces = 0;
    this.row.heldBytes = 0;
  }

  /** Whether the length does not contradict what is known and held. */
  canHaveLength(lengthBytes: number): boolean {
    if (this.row.lengthBytes === lengthBytes || this.#have.count === 0) return true;
    return this.row.lengthBytes === undefined && !this.#holdsPast(lengthBytes);
  }

  /** Returns false when the length was set to this before; throws RangeError on a contradiction. */
  setLength(lengthBytes: number): boolean {
    const { row } = this;
    if (row.lengthBytes === lengthBytes) return false;
    checkShape(row.taskId, lengthBytes, row.pieceLengthBytes);
    const count = pieceCount(lengthBytes, row.pieceLengthBytes);
    if (!this.canHaveLength(lengthBytes)) {
      throw new RangeError(
        `task ${row.taskId} of ${row.lengthBytes ?? "unknown"} bytes cannot become one of ${lengthBytes} bytes while it holds ${row.heldBytes}`,
      );
    }
    row.lengthBytes = lengthBytes;
    if (count >= this.#have.length) this.#have.grow(count);
    else this.#shrink(count);
    return true;
  }

  /** Throws RangeError unless each byte of the span is in a held piece. */
  checkHeld(offsetBytes: number, lengthBytes: number): void {
    this.#checkSpan(offsetBytes, lengthBytes);
    for (const pieceIndex of this.#indices(offsetBytes, lengthBytes)) {
      if (!this.#have.has(pieceIndex)) {
        throw new RangeError(`piece ${pieceIndex} of task ${this.row.taskId} is not held`);
      }
    }
  }

  /** Throws RangeError when the span leaves the task or touches a held piece. */
  checkFree(offsetBytes: number, lengthBytes: number): void {
    this.#checkSpan(offsetBytes, lengthBytes);
    for (const pieceIndex of this.#indices(offsetBytes, lengthBytes)) {
      if (this.#have.has(pieceIndex)) {
        throw new RangeError(`piece ${pieceIndex} of task ${this.row.taskId} is held already`);
      }
    }
  }

  #shrink(length: number): void {
    const have = new Bitmap(length);
    for (const pieceIndex of this.#have) have.add(pieceIndex);
    this.#have = have;
  }

  #checkSpan(offsetBytes: number, lengthBytes: number): void {
    const endBytes = offsetBytes + lengthBytes;
    const limitBytes = this.row.lengthBytes ?? PIECE_COUNT_MAX * this.row.pieceLengthBytes;
    if (!Number.isSafeInteger(offsetBytes) || offsetBytes < 0 || endBytes > limitBytes) {
      throw new RangeError(
        `bytes ${offsetBytes} to ${endBytes} of task ${this.row.taskId} of ${limitBytes} bytes`,
      );
    }
  }

  *#indices(offsetBytes: number, lengthBytes: number): Generator<number> {
    const { pieceLengthBytes } = this.row;
    const end = Math.ceil((offsetBytes + lengthBytes) / pieceLengthBytes);
    for (let index = Math.floor(offsetBytes / pieceLengthBytes); index < end; index++) yield index;
  }

  /** Pieces of a task of unknown length count as whole, so the last of them may end past the length. */
  #holdsPast(lengthBytes: number): boolean {
    const firstNotWhole = Math.floor(lengthBytes / this.row.pieceLengthBytes);
    return this.#have.firstPresent(firstNotWhole) >= 0;
  }

  #pieceCount(): number {
    const { lengthBytes, pieceLengthBytes } = this.row;
    return lengthBytes === undefined ? 0 : pieceCount(lengthBytes, pieceLengthBytes);
  }
}
