import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { medianBy, percentile, sum } from "./statistics.ts";

describe("a percentile", () => {
  it("is the value of its rank", () => {
    const values = [50, 10, 40, 20, 30];
    expect(percentile(values, 0)).toBe(10);
    expect(percentile(values, 0.2)).toBe(10);
    expect(percentile(values, 0.5)).toBe(30);
    expect(percentile(values, 0.81)).toBe(50);
    expect(percentile(values, 0.99)).toBe(50);
    expect(percentile(values, 1)).toBe(50);
    expect(values).toEqual([50, 10, 40, 20, 30]);
  });

  it("has at least its share of the values at or below it, and no smaller value has", () => {
    const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 });
    const share = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(numbers, share, (values, part) => {
        const value = percentile(values, part);
        const shareAt = (limit: number): number =>
          values.filter((each) => each <= limit).length / values.length;
        expect(values).toContain(value);
        expect(shareAt(value)).toBeGreaterThanOrEqual(part);
        for (const smaller of values.filter((each) => each < value)) {
          expect(shareAt(smaller)).toBeLessThan(part);
        }
      }),
    );
  });

  it("of a hundred values is the one of that rank, for every per cent", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const each of values) expect(percentile(values, each / 100)).toBe(each);
  });

  it("of nothing is refused", () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

describe("the median element", () => {
  it("is the one in the middle, the lower one of two", () => {
    const runs = [3, 1, 2].map((ratio) => ({ ratio }));
    expect(medianBy(runs, ({ ratio }) => ratio)).toBe(runs[2]);
    const even = [4, 1, 3, 2].map((ratio) => ({ ratio }));
    expect(medianBy(even, ({ ratio }) => ratio)).toEqual({ ratio: 2 });
    expect(() => medianBy([], () => 0)).toThrow(RangeError);
  });
});

describe("a sum", () => {
  it("of nothing is 0", () => {
    expect(sum([])).toBe(0);
    expect(sum([1, 2.5])).toBe(3.5);
  });
});
