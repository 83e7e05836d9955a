import type { LentPiece } from "./arrived-pieces.ts";
import { SpareBuffers } from "./spare-buffers.ts";
import type { ReaderCursor, TaskSession } from "./task-session.ts";

/** How much is read from the store at once. */
const CHUNK_LENGTH_BYTES = 512 * 1024;
/** Buffers kept for the next readers, 16 MiB. */
const SPARE = new SpareBuffers(CHUNK_LENGTH_BYTES, 32);

/** What a reader tells its owner. */
export interface ReaderEvents {
  /** It begins to wait for another piece. */
  moved(): void;
  /** It is about to read a piece from the disk; fails the session when what is there is damaged. */
  checkSound(piece: number): Promise<unknown>;
  /** A piece that has just come, where it is still in memory. */
  arrived(piece: number): LentPiece | undefined;
  /** The whole of a complete task, where it is in memory. */
  inMemory?(): Uint8Array | undefined;
}

/**
 * Verified bytes of a task, in order, as they come: from memory what has just come, else from the file, through one buffer. A
 * view is valid until the next step.
 */
export async function* readTask(
  session: TaskSession,
  range: { readonly firstByte: number; readonly lastByte?: number | undefined },
  signal: AbortSignal,
  events: ReaderEvents,
): AsyncGenerator<Uint8Array> {
  const inMemory = session.isComplete ? events.inMemory?.() : undefined;
  if (inMemory) {
    const bytes = inMemory.subarray(range.firstByte, (range.lastByte ?? inMemory.length) + 1);
    if (bytes.length > 0) yield bytes;
    return;
  }
  const { pieceLengthBytes } = session;
  const endOf = (): number =>
    Math.min(session.lengthBytes ?? Infinity, (range.lastByte ?? Infinity) + 1);
  const cursor: ReaderCursor = {
    piece: Math.floor(range.firstByte / pieceLengthBytes),
    lastPiece: Math.floor((range.lastByte ?? Number.MAX_SAFE_INTEGER) / pieceLengthBytes),
  };
  const wholeBytes = endOf() - range.firstByte;
  const buffer = SPARE.take(wholeBytes);
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
      using arrived = events.arrived(piece);
      if (!arrived) await events.checkSound(piece);
      const span = session.span(piece);
      const until = arrived
        ? span.offsetBytes + span.lengthBytes
        : soundEnd(session, piece, offsetBytes + buffer.length);
      const end = Math.min(endOf(), until);
      if (arrived) {
        if (session.failure && !session.isComplete) throw session.failure;
        yield arrived.bytes.subarray(offsetBytes - span.offsetBytes, end - span.offsetBytes);
        offsetBytes = end;
      }
      while (offsetBytes < end) {
        const wanted = Math.min(buffer.length, end - offsetBytes);
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
    SPARE.give(buffer);
    session.cursors.delete(cursor);
    events.moved();
  }
}

/** Up to where the file can be read at once, from a piece on that is sound: a complete task is one file. */
function soundEnd(session: TaskSession, piece: number, wantedEnd: number): number {
  if (session.isComplete) return wantedEnd;
  let last = piece;
  let span = session.span(last);
  while (span.offsetBytes + span.lengthBytes < wantedEnd) {
    if (!session.isReadable(last + 1) || !session.isFresh(last + 1)) break;
    last += 1;
    span = session.span(last);
  }
  return Math.min(wantedEnd, span.offsetBytes + span.lengthBytes);
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
