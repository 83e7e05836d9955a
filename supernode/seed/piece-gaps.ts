import type { Bitmap } from "../../protocol/bitmap.ts";

/** Pieces that follow one another. */
export interface PieceRun {
  readonly firstPiece: number;
  readonly pieceCount: number;
}

/** The first run of pieces from `from` on, of `pieceCount` in all, that is in none of the sets; undefined when there is none. */
export function nextGap(
  pieceCount: number,
  from: number,
  ...sets: readonly Bitmap[]
): PieceRun | undefined {
  const isIn = (piece: number): boolean => sets.some((set) => piece < set.length && set.has(piece));
  let firstPiece = from;
  while (firstPiece < pieceCount && isIn(firstPiece)) firstPiece += 1;
  let end = firstPiece;
  while (end < pieceCount && !isIn(end)) end += 1;
  return end > firstPiece ? { firstPiece, pieceCount: end - firstPiece } : undefined;
}
