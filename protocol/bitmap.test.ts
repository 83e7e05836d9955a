import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Bitmap, bitCount } from "./bitmap.ts";

const lengths = fc.oneof(fc.nat(100), fc.constantFrom(31, 32, 33, 64, 4096));
/** A length and indices within it. */
const sets = lengths.chain((length) =>
  fc.tuple(
    fc.constant(length),
    length === 0 ? fc.constant([]) : fc.array(fc.nat(length - 1), { maxLength: 200 }),
  ),
);

function mapOf(length: number, indices: readonly number[]): Bitmap {
  const map = new Bitmap(length);
  for (const index of indices) map.add(index);
  return map;
}

describe("a bitmap", () => {
  it("holds what was added and not deleted, as a set does", () => {
    const actions = fc.array(fc.tuple(fc.boolean(), fc.nat(99)), { maxLength: 300 });
    fc.assert(
      fc.property(actions, (steps) => {
        const map = new Bitmap(100);
        const model = new Set<number>();
        for (const [isAdd, index] of steps) {
          const wasThere = model.has(index);
          if (isAdd) model.add(index);
          else model.delete(index);
          expect(isAdd ? map.add(index) : map.delete(index)).toBe(isAdd ? !wasThere : wasThere);
        }
        expect([...map]).toEqual([...model].sort((a, b) => a - b));
        expect(map.count).toBe(model.size);
      }),
    );
  });

  it("finds the next that is there, and the next that is not", () => {
    fc.assert(
      fc.property(sets, fc.nat(4200), ([length, indices], from) => {
        const map = mapOf(length, indices);
        const all = Array.from({ length }, (_, index) => index).filter((index) => index >= from);
        expect(map.firstPresent(from)).toBe(all.find((index) => map.has(index)) ?? -1);
        expect(map.firstMissing(from)).toBe(all.find((index) => !map.has(index)) ?? -1);
      }),
    );
  });

  it("is read as it was written, in the least number of bytes", () => {
    fc.assert(
      fc.property(sets, ([length, indices]) => {
        const map = mapOf(length, indices);
        const bytes = map.toBytes();
        expect(bytes.length).toBe(Math.ceil(length / 8));
        const read = Bitmap.fromBytes(bytes, length);
        expect([...read]).toEqual([...map]);
        expect(read.count).toBe(map.count);
        expect(read.isFull).toBe(map.isFull);
      }),
    );
  });

  it("is written with piece 0 in the lowest bit of the first byte", () => {
    expect([...mapOf(12, [0, 3, 8]).toBytes()]).toEqual([0b1001, 0b1]);
  });

  it("is refused when its bytes are of another length, or speak of pieces past the end", () => {
    expect(() => Bitmap.fromBytes(new Uint8Array(1), 9)).toThrow("bitmap of 1 bytes for 9 pieces");
    expect(() => Bitmap.fromBytes(new Uint8Array(2), 8)).toThrow(RangeError);
    expect(() => Bitmap.fromBytes(new Uint8Array([0b10_0000_00]), 7)).toThrow("past piece 6");
    expect(() => Bitmap.fromBytes(new Uint8Array([0, 0, 0, 0, 2]), 33)).toThrow("past piece 32");
    expect(Bitmap.fromBytes(new Uint8Array(0), 0).isFull).toBe(true);
  });

  it("with every bit set is full, of any length", () => {
    fc.assert(
      fc.property(lengths, (length) => {
        const full = Bitmap.full(length);
        expect(full.isFull).toBe(true);
        expect(full.count).toBe(length);
        expect(full.firstMissing()).toBe(-1);
        expect([...Bitmap.fromBytes(full.toBytes(), length)]).toHaveLength(length);
      }),
    );
  });

  it("grows without losing or gaining anything, and does not shrink", () => {
    fc.assert(
      fc.property(sets, fc.nat(100), ([length, indices], more) => {
        const map = mapOf(length, indices);
        const before = [...map];
        map.grow(length + more);
        expect([...map]).toEqual(before);
        expect(map.length).toBe(length + more);
        if (length > 0) expect(() => map.grow(length - 1)).toThrow(RangeError);
      }),
    );
  });

  it("has nothing out of its range", () => {
    const map = Bitmap.full(10);
    for (const index of [-1, 10, 0.5, Number.NaN]) {
      expect(() => map.add(index)).toThrow(RangeError);
      expect(() => map.delete(index)).toThrow(RangeError);
    }
    expect(map.has(-1)).toBe(false);
    expect(map.has(10)).toBe(false);
    for (const length of [-1, 0.5, Number.NaN])
      expect(() => new Bitmap(length)).toThrow(RangeError);
  });

  it("that was copied goes its own way", () => {
    const map = mapOf(40, [1, 39]);
    const copy = map.clone();
    copy.add(2);
    map.delete(39);
    expect([...copy]).toEqual([1, 2, 39]);
    expect([...map]).toEqual([1]);
    expect([copy.count, map.count]).toEqual([3, 1]);
  });
});

describe("the bits of a word", () => {
  it("are counted as one by one", () => {
    fc.assert(
      fc.property(fc.integer(), (word) => {
        const ones = (word >>> 0).toString(2).replaceAll("0", "").length;
        expect(bitCount(word)).toBe(ones);
      }),
    );
  });
});
