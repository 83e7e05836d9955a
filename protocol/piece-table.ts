import { PIECE_COUNT_MAX, PIECE_LENGTH_BYTES_MAX, PIECE_LENGTH_BYTES_MIN } from "./limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** The length of pieces of a task whose length is not known yet. */
const UNKNOWN_LENGTH_PIECE_BYTES = MIB;

/**
 * The piece length for a task of `lengthBytes`, a power of two: small pieces for small tasks, because
 * a broadcast of M pieces to N peers takes (M - 1 + log2 N) / M times as long as one transfer; never more
 * than 4096 pieces, because each piece costs messages. Up to 32 MiB longer ones would leave too few to keep all links busy.
 */
export function choosePieceLength(lengthBytes: number | undefined): number {
  if (lengthBytes === undefined) return UNKNOWN_LENGTH_PIECE_BYTES;
  if (lengthBytes <= 32 * MIB) return 256 * KIB;
  if (lengthBytes <= 256 * MIB) return 512 * KIB;
  if (lengthBytes <= GIB) return MIB;
  if (lengthBytes <= 4 * GIB) return 2 * MIB;
  let pieceLengthBytes = 2 * MIB;
  while (lengthBytes / pieceLengthBytes > 4096 && pieceLengthBytes < PIECE_LENGTH_BYTES_MAX) {
    pieceLengthBytes *= 2;
  }
  return pieceLengthBytes;
}

/** Whether a piece length named by somebody else can be worked with. */
export function isPieceLength(pieceLengthBytes: number): boolean {
  return (
    Number.isSafeInteger(pieceLengthBytes) &&
    pieceLengthBytes >= PIECE_LENGTH_BYTES_MIN &&
    pieceLengthBytes <= PIECE_LENGTH_BYTES_MAX
  );
}

/** Whether a task of that length and piece length is within the limits. */
export function isTaskShape(lengthBytes: number, pieceLengthBytes: number): boolean {
  return (
    Number.isSafeInteger(lengthBytes) &&
    lengthBytes >= 0 &&
    isPieceLength(pieceLengthBytes) &&
    pieceCount(lengthBytes, pieceLengthBytes) <= PIECE_COUNT_MAX
  );
}

/** How many pieces a task has; an empty task has none. */
export function pieceCount(lengthBytes: number, pieceLengthBytes: number): number {
  return Math.ceil(lengthBytes / pieceLengthBytes);
}

/** Where a piece stands in its task. */
export interface PieceSpan {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The span of one piece. Throws RangeError for an index that the task does not have. */
export function pieceSpan(
  pieceIndex: number,
  lengthBytes: number,
  pieceLengthBytes: number,
): PieceSpan {
  const offsetBytes = pieceIndex * pieceLengthBytes;
  if (!Number.isInteger(pieceIndex) || pieceIndex < 0 || offsetBytes >= lengthBytes) {
    throw new RangeError(`piece ${pieceIndex} of a task of ${lengthBytes} bytes`);
  }
  return { offsetBytes, lengthBytes: Math.min(pieceLengthBytes, lengthBytes - offsetBytes) };
}
