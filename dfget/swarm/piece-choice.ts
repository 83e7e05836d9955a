import type { Link } from "./link.ts";
import type { TaskState } from "./task-state.ts";

const SCAN_WORDS_MAX = 8;

export interface PieceChoiceOptions {
  windowPieces: number;
  urgentPieces: number;
}

/**
 * The piece to fetch from a neighbour that has a slot for us, or -1 when it has none we can use:
 * what a random-access reader waits for, then what an in-order reader needs next, then the rarest in
 * the window, then about the rarest of the rest.
 */
export function choosePiece(
  state: TaskState,
  link: Link,
  options: PieceChoiceOptions,
  random: () => number,
): number {
  for (const piece of state.wanted) if (isUsable(state, link, piece)) return piece;
  const pieceCount = state.have.length;
  let start = state.cursor;
  if (state.reader !== undefined) {
    const missing = state.have.firstMissing(state.reader);
    if (missing >= 0) {
      start = missing;
      const urgentEnd = Math.min(pieceCount, state.reader + options.urgentPieces);
      for (let piece = start; piece < urgentEnd; piece++) {
        if (isUsable(state, link, piece)) return piece;
      }
    }
  }
  const end = Math.min(pieceCount, start + options.windowPieces);
  const inWindow = rarest(state, link, start, end, Infinity, random);
  if (inWindow >= 0) return inWindow;
  const after =
    end < pieceCount ? rarest(state, link, end, pieceCount, SCAN_WORDS_MAX, random) : -1;
  if (after >= 0 || start === state.cursor) return after;
  return rarest(state, link, state.cursor, start, SCAN_WORDS_MAX, random);
}

/** Whether the neighbour has a piece that we may fetch from it now. */
export function isUsable(state: TaskState, link: Link, piece: number): boolean {
  if (!link.have.has(piece) || state.have.has(piece) || state.flying.has(piece)) return false;
  return !link.far || (state.imports?.has(piece & 63) ?? false);
}

/** Whether the neighbour has any piece that we may fetch from it now. */
export function hasUsable(state: TaskState, link: Link): boolean {
  return rarest(state, link, 0, state.have.length, 1, () => 0) >= 0;
}

/**
 * The rarest usable piece in [from, to), the scan beginning at a random place and ending after
 * `scanWordsMax` words with usable pieces; -1 if there is none. A piece with one holder ends the scan.
 */
function rarest(
  state: TaskState,
  link: Link,
  from: number,
  to: number,
  scanWordsMax: number,
  random: () => number,
): number {
  if (from >= to) return -1;
  if (link.far && state.imports === undefined) return -1;
  const ours = state.have.words;
  const theirs = link.have.words;
  const flying = state.flying.words;
  const imports = link.far ? state.imports!.words : undefined;
  const firstWord = from >>> 5;
  const lastWord = (to - 1) >>> 5;
  const wordCount = lastWord - firstWord + 1;
  const offset = Math.floor(random() * wordCount);
  const turn = Math.floor(random() * 32);
  let best = -1;
  let bestHolders = Infinity;
  let left = scanWordsMax;
  for (let i = 0; i < wordCount; i++) {
    const word = firstWord + ((i + offset) % wordCount);
    let bits = theirs[word]! & ~ours[word]! & ~flying[word]!;
    if (bits === 0) continue;
    if (imports !== undefined) bits &= imports[word & 1]!;
    if (word === firstWord) bits &= -1 << (from & 31);
    if (word === lastWord && (to & 31) !== 0) bits &= ~(-1 << (to & 31));
    bits = (bits >>> turn) | (bits << (32 - turn));
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      const piece = (word << 5) | ((bit + turn) & 31);
      const holders = state.holders[piece]!;
      if (holders >= bestHolders) continue;
      best = piece;
      bestHolders = holders;
      if (holders <= 1) return best;
    }
    if ((left -= 1) <= 0 && best >= 0) return best;
  }
  return best;
}
