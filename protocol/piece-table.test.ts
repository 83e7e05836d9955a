import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { PIECE_COUNT_MAX, PIECE_LENGTH_BYTES_MAX, PIECE_LENGTH_BYTES_MIN } from "./limits.ts";
import {
  choosePieceLength,
  isPieceLength,
  isTaskShape,
  pieceCount,
  pieceSpan,
} from "./piece-table.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const lengths = fc.oneof(fc.nat(10 * MIB), fc.integer({ min: 0, max: 2 ** 40 }));

describe("the length of pieces", () => {
  it.each([
    [undefined, MIB],
    [0, 256 * KIB],
    [32 * MIB, 256 * KIB],
    [32 * MIB + 1, 512 * KIB],
    [256 * MIB, 512 * KIB],
    [256 * MIB + 1, MIB],
    [GIB, MIB],
    [GIB + 1, 2 * MIB],
    [4 * GIB, 2 * MIB],
    [4 * GIB + 1, 2 * MIB],
    [8 * GIB, 2 * MIB],
    [8 * GIB + 1, 4 * MIB],
    [256 * GIB, 64 * MIB],
    [1024 * GIB, 64 * MIB],
  ])("for %s bytes is %d", (lengthBytes, wanted) => {
    expect(choosePieceLength(lengthBytes)).toBe(wanted);
  });

  it("is allowed, gives at most 4096 pieces up to 256 GiB, and never shrinks for a longer task", () => {
    fc.assert(
      fc.property(lengths, lengths, (a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        const pieceLengthBytes = choosePieceLength(long);
        expect(isPieceLength(pieceLengthBytes)).toBe(true);
        expect(choosePieceLength(short)).toBeLessThanOrEqual(pieceLengthBytes);
        if (long <= 256 * GIB) expect(pieceCount(long, pieceLengthBytes)).toBeLessThanOrEqual(4096);
      }),
    );
  });

  it("of somebody else's choice must be a whole number within the limits", () => {
    for (const length of [PIECE_LENGTH_BYTES_MIN, 100_000, PIECE_LENGTH_BYTES_MAX]) {
      expect(isPieceLength(length)).toBe(true);
    }
    for (const length of [
      0,
      -1,
      65_535,
      100_000.5,
      PIECE_LENGTH_BYTES_MAX + 1,
      Number.NaN,
      Infinity,
    ]) {
      expect(isPieceLength(length)).toBe(false);
    }
  });
});

describe("the pieces of a task", () => {
  it("cover it without gap or overlap, and only the last is shorter", () => {
    const shapes = fc.tuple(fc.nat(3 * MIB), fc.integer({ min: PIECE_LENGTH_BYTES_MIN, max: MIB }));
    fc.assert(
      fc.property(shapes, ([lengthBytes, pieceLengthBytes]) => {
        const count = pieceCount(lengthBytes, pieceLengthBytes);
        let endBytes = 0;
        for (let index = 0; index < count; index++) {
          const span = pieceSpan(index, lengthBytes, pieceLengthBytes);
          expect(span.offsetBytes).toBe(endBytes);
          expect(span.lengthBytes).toBeGreaterThan(0);
          if (index < count - 1) expect(span.lengthBytes).toBe(pieceLengthBytes);
          endBytes += span.lengthBytes;
        }
        expect(endBytes).toBe(lengthBytes);
        expect(() => pieceSpan(count, lengthBytes, pieceLengthBytes)).toThrow(RangeError);
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN])("have no index %d", (index) => {
    expect(() => pieceSpan(index, 10 * MIB, MIB)).toThrow(RangeError);
  });

  it("of an empty task are none", () => {
    expect(pieceCount(0, MIB)).toBe(0);
    expect(() => pieceSpan(0, 0, MIB)).toThrow("piece 0 of a task of 0 bytes");
  });

  it("may be no more than the limit", () => {
    const lengthBytes = PIECE_COUNT_MAX * MIB;
    expect(isTaskShape(lengthBytes, MIB)).toBe(true);
    expect(isTaskShape(lengthBytes + 1, MIB)).toBe(false);
    expect(isTaskShape(-1, MIB)).toBe(false);
    expect(isTaskShape(1.5, MIB)).toBe(false);
    expect(isTaskShape(2 ** 53, PIECE_LENGTH_BYTES_MAX)).toBe(false);
    expect(isTaskShape(1, 1)).toBe(false);
  });
});
