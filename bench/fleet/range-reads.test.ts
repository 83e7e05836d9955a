import { describe, expect, it } from "vitest";

import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { drawReads } from "./range-reads.ts";

const KIB = 1024;

function draw(seed: number) {
  return drawReads(
    { count: 20, lengthBytes: 4 * KIB, fileLengthBytes: 400 * KIB, nodeCount: 3 },
    seededRandom(seed),
  );
}

describe("the ranges that hosts read", () => {
  it("are the same different places of the file on every host", () => {
    const [first = [], ...others] = draw(1).map((reads) => reads.map((read) => read.firstByte));
    expect(new Set(first).size).toBe(20);
    for (const firstByte of first) {
      expect(firstByte % (4 * KIB)).toBe(0);
      expect(firstByte).toBeLessThan(400 * KIB);
    }
    for (const other of others) expect(new Set(other)).toEqual(new Set(first));
  });

  it("jump about, and come at nearly the same time on all hosts but not in the same order", () => {
    const [first = [], second = []] = draw(1).map((reads) => reads.map((read) => read.firstByte));
    expect(first).not.toEqual(first.toSorted((a, b) => a - b));
    expect(second).not.toEqual(first);
    for (const [index, place] of second.entries()) {
      expect(Math.abs(first.indexOf(place) - index)).toBeLessThan(8);
    }
  });

  it("are the same for the same seed", () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
