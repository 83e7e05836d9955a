import type { TaskSession } from "./task-session.ts";

/** The most bytes of pieces kept, and being received, for readers. */
export const ARRIVED_BYTES_MAX = 12 * 1024 * 1024;
/** A piece this far behind a reader, or less, is kept for it. */
const PIECES_AHEAD_MAX = 8;

interface Entry {
  readonly session: TaskSession;
  readonly piece: number;
  readonly buffer: ArrayBuffer;
  lentCount: number;
}

/** Bytes of a piece that are not touched until this is disposed. */
export interface LentPiece extends Disposable {
  readonly bytes: Uint8Array;
}

/**
 * The pieces that came last and that a reader is about to need, so that it does not read from the file what
 * has just been written there. Whoever adds a piece has verified it. The ones that were there for longest make room.
 */
export class ArrivedPieces {
  readonly #bytesMax: number;
  /** The oldest first. */
  readonly #entries = new Set<Entry>();
  /** Memory for the next pieces: touching fresh memory costs more than filling it. */
  readonly #spare: ArrayBuffer[] = [];
  #usedBytes = 0;

  constructor(bytesMax = ARRIVED_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Memory to receive a piece into, when a reader will soon need it and there is room; it has to be given to
   * {@link ArrivedPieces.keep} or {@link ArrivedPieces.drop}.
   */
  take(session: TaskSession, piece: number): ArrayBuffer | undefined {
    if (!isAwaited(session, piece)) return undefined;
    const lengthBytes = session.pieceLengthBytes;
    const spare = this.#spare.findIndex(({ byteLength }) => byteLength === lengthBytes);
    if (spare >= 0) return this.#spare.splice(spare, 1)[0];
    this.#makeRoom(lengthBytes);
    if (this.#usedBytes + lengthBytes > this.#bytesMax) return undefined;
    this.#usedBytes += lengthBytes;
    return new ArrayBuffer(lengthBytes);
  }

  /** The piece was received into this memory, and verified. */
  keep(session: TaskSession, piece: number, buffer: ArrayBuffer): void {
    this.#entries.add({ session, piece, buffer, lentCount: 0 });
  }

  /** Memory of this length was taken and is gone. */
  drop(lengthBytes: number): void {
    this.#usedBytes -= lengthBytes;
  }

  /** The bytes of a piece; undefined when they are here no longer. */
  lend(session: TaskSession, piece: number): LentPiece | undefined {
    for (const entry of this.#entries) {
      if (entry.session !== session || entry.piece !== piece) continue;
      const { lengthBytes } = session.span(piece);
      entry.lentCount += 1;
      return {
        bytes: new Uint8Array(entry.buffer, 0, lengthBytes),
        [Symbol.dispose]: () => this.#giveBack(entry),
      };
    }
    return undefined;
  }

  /** A piece that was read has served its purpose. */
  #giveBack(entry: Entry): void {
    entry.lentCount -= 1;
    if (entry.lentCount === 0 && this.#entries.delete(entry)) this.#spare.push(entry.buffer);
  }

  #makeRoom(lengthBytes: number): void {
    const isFull = (): boolean => this.#usedBytes + lengthBytes > this.#bytesMax;
    while (isFull() && this.#spare.length > 0) this.drop(this.#spare.shift()!.byteLength);
    for (const entry of this.#entries) {
      if (!isFull()) return;
      if (entry.lentCount > 0) continue;
      this.#entries.delete(entry);
      this.drop(entry.buffer.byteLength);
    }
  }
}

function isAwaited(session: TaskSession, piece: number): boolean {
  for (const { piece: next, lastPiece } of session.cursors) {
    if (piece >= next && piece <= Math.min(lastPiece, next + PIECES_AHEAD_MAX)) return true;
  }
  return false;
}
