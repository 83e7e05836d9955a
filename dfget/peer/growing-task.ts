import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import type { Host } from "../swarm/swarm.ts";

/**
 * How many pieces of a task of unknown length are known to be there, and full. Neighbours may hold the
 * last piece, which is shorter, before we are told the length: the highest piece that they name is
 * left out until something lies behind it.
 */
export class GrowingTask {
  #pieceCount = 0;
  readonly #late = new Map<Host, Set<number>>();

  get pieceCount(): number {
    return this.#pieceCount;
  }

  /** The supernode offers this piece, so it is full. Returns whether more pieces are known now. */
  offered(piece: number): boolean {
    return this.#reach(piece + 1);
  }

  /**
   * A neighbour holds these. Notes those that cannot be asked for yet. Returns whether more pieces
   * are known now.
   */
  held(host: Host, pieces: Iterable<number>): boolean {
    let highest = 0;
    const late = this.#late.get(host) ?? new Set();
    this.#late.set(host, late);
    for (const piece of pieces) {
      if (piece >= PIECE_COUNT_MAX) continue;
      highest = Math.max(highest, piece);
      if (piece >= this.#pieceCount) late.add(piece);
    }
    return this.#reach(highest);
  }

  /** The length is known. */
  ended(pieceCount: number): void {
    this.#pieceCount = pieceCount;
  }

  /** What neighbours were said to hold and can be asked for now. */
  *takeLate(): Generator<[Host, number[]]> {
    for (const [host, late] of this.#late) {
      const pieces = [...late].filter((piece) => piece < this.#pieceCount);
      for (const piece of pieces) late.delete(piece);
      if (pieces.length > 0) yield [host, pieces];
    }
  }

  /** The neighbour is gone. */
  forget(host: Host): void {
    this.#late.delete(host);
  }

  #reach(pieceCount: number): boolean {
    if (pieceCount <= this.#pieceCount) return false;
    this.#pieceCount = Math.min(pieceCount, PIECE_COUNT_MAX);
    return true;
  }
}
