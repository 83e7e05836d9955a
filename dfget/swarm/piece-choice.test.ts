import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { Link } from "./link.ts";
import { choosePiece, isUsable } from "./piece-choice.ts";
import { TaskState } from "./task-state.ts";

const options = { windowPieces: 32, urgentPieces: 4 };

function taskOf(pieceCount: number, ours: readonly number[], theirs: readonly number[]) {
  const have = new Bitmap(pieceCount);
  for (const piece of ours) have.add(piece);
  const state = new TaskState(0, 0, 1, have, 0);
  const link = new Link(1, state, 1, false, 0);
  for (const piece of theirs) link.learn(piece);
  state.countHolder(link, 1);
  return { state, link };
}

describe("choosePiece", () => {
  it("finds a usable piece exactly when there is one, whatever the random numbers", () => {
    const pieces = fc.array(fc.nat(199), { maxLength: 60 });
    fc.assert(
      fc.property(
        pieces,
        pieces,
        fc.array(fc.nat(199)),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.option(fc.nat(199)),
        (ours, theirs, flying, random, reader) => {
          const { state, link } = taskOf(200, ours, theirs);
          for (const piece of flying) state.flying.add(piece);
          if (reader !== null) state.reader = reader;
          const piece = choosePiece(state, link, options, () => random);
          const usable = theirs.filter((index) => isUsable(state, link, index));
          if (usable.length === 0) expect(piece).toBe(-1);
          else expect(usable).toContain(piece);
        },
      ),
    );
  });

  it("prefers the window to what is rarer behind it", () => {
    const { state, link } = taskOf(200, [], [5, 150]);
    state.holders[5] = 9;
    expect(choosePiece(state, link, options, () => 0.99)).toBe(5);
  });

  it("takes the rarest in the window", () => {
    const { state, link } = taskOf(200, [], [1, 8, 30]);
    state.holders[1] = 4;
    state.holders[8] = 2;
    state.holders[30] = 3;
    for (const random of [0, 0.3, 0.6, 0.99]) {
      expect(choosePiece(state, link, options, () => random)).toBe(8);
    }
  });

  it("takes the next piece that a reader needs before rarer ones", () => {
    const { state, link } = taskOf(200, [50], [20, 51, 52, 70]);
    state.holders[51] = 9;
    state.holders[52] = 9;
    state.reader = 50;
    expect(choosePiece(state, link, options, () => 0)).toBe(51);
  });

  it("goes back before the reader when there is nothing after it", () => {
    const { state, link } = taskOf(200, [], [20]);
    state.reader = 50;
    expect(choosePiece(state, link, options, () => 0)).toBe(20);
  });

  it("takes from another zone only the stripes that are ours to bring in", () => {
    const { state, link } = taskOf(200, [], [1, 2, 66]);
    link.far = true;
    expect(choosePiece(state, link, options, () => 0)).toBe(-1);
    state.imports = new Bitmap(64);
    state.imports.add(2);
    expect(choosePiece(state, link, options, () => 0)).toBe(2);
    state.flying.add(2);
    expect(choosePiece(state, link, options, () => 0)).toBe(66);
  });
});
