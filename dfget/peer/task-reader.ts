import type { ReaderCursor, TaskSession } from "./task-session.ts";

/** How much is read from the store at once. */
const CHUNK_LENGTH_BYTES = 256 * 1024;

/** What a reader tells its owner. */
export interface ReaderEvents {
  /** It begins to wait for another piece. */
  moved(): void;
  /** It is about to read a piece from the disk; fails the session when what is there is damaged. */
  checkSound(): Promise<unknown>;
}

/**
 * Verified bytes of a task, in order, as they come. A reader holds one buffer: a view is valid until the next step.
 */
export async function* readTask(
  session: TaskSession,
  range: { readonly firstByte: number; readonly lastByte?: number | undefined },
  signal: AbortSignal,
  events: ReaderEvents,
): AsyncGenerator<Uint8Array> {
  const { pieceLengthBytes } = session;
  const endOf = (): number =>
    Math.min(session.lengthBytes ?? Infinity, (range.lastByte ?? Infinity) + 1);
  const cursor: ReaderCursor = {
    piece: Math.floor(range.firstByte / pieceLengthBytes),
    lastPiece: Math.floor((range.lastByte ?? Number.MAX_SAFE_INTEGER) / pieceLengthBytes),
  };
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_LENGTH_BYTES, pieceLengthBytes));
  let offsetBytes = range.firstByte;
  session.cursors.add(cursor);
  events.moved();
  try {
    while (offsetBytes < endOf()) {
      const piece = Math.floor(offsetBytes / pieceLengthBytes);
      if (piece !== cursor.piece) {
        cursor.piece = piece;
        events.moved();
      }
      await session.until(() => session.isReadable(piece) || offsetBytes >= endOf(), signal);
      await events.checkSound();
      const span = session.span(piece);
      const pieceEnd = Math.min(endOf(), span.offsetBytes + span.lengthBytes);
      while (offsetBytes < pieceEnd) {
        const wanted = Math.min(buffer.length, pieceEnd - offsetBytes);
        const readBytes = await readStored(session, offsetBytes, buffer.subarray(0, wanted));
        signal.throwIfAborted();
        yield buffer.subarray(0, readBytes);
        offsetBytes += readBytes;
      }
    }
    const isAtEnd = offsetBytes === session.lengthBytes;
    if (isAtEnd) await session.until(() => session.isEndCertain, signal);
    if (session.failure && !session.isComplete) throw session.failure;
  } finally {
    session.cursors.delete(cursor);
    events.moved();
  }
}

/** What a reader is told when the pieces are taken away under it is why, not that they are gone. */
async function readStored(
  session: TaskSession,
  offsetBytes: number,
  target: Uint8Array,
): Promise<number> {
  if (session.failure && !session.isComplete) throw session.failure;
  let readBytes;
  try {
    readBytes = await session.stored.read(offsetBytes, target);
  } catch (error) {
    throw session.failure ?? error;
  }
  // While they were read the pieces may have been discarded, and others written in their place.
  if (session.failure && !session.isComplete) throw session.failure;
  return readBytes;
}
