import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { nextGap } from "./piece-gaps.ts";

function setOf(...pieces: number[]): Bitmap {
  const set = new Bitmap(8);
  for (const piece of pieces) set.add(piece);
  return set;
}

describe("the next gap", () => {
  it.each([
    ["of nothing held is all", 0, [setOf()], { firstPiece: 0, pieceCount: 8 }],
    ["ends where something is held", 0, [setOf(0, 3)], { firstPiece: 1, pieceCount: 2 }],
    ["is looked for behind a place", 3, [setOf(0, 3)], { firstPiece: 4, pieceCount: 4 }],
    ["is in none of the sets", 0, [setOf(0, 3), setOf(1, 4, 7)], { firstPiece: 2, pieceCount: 1 }],
    ["is none when all is held", 0, [setOf(0, 1, 2, 3), setOf(4, 5, 6, 7)], undefined],
  ])("%s", (_name, from, sets, expected) => {
    expect(nextGap(8, from, ...sets)).toEqual(expected);
  });

  it("looks past the end of shorter sets", () => {
    expect(nextGap(8, 0, new Bitmap(0), Bitmap.full(5))).toEqual({ firstPiece: 5, pieceCount: 3 });
  });
});
