import { describe, expect, it } from "vitest";

import { linearScale, shortNumber, tickText } from "./scale.ts";

describe("a scale", () => {
  it("reaches from zero to a round number at or above the largest value", () => {
    expect(linearScale(28.1, 0, 300).ticks).toEqual([0, 10, 20, 30]);
    expect(linearScale(8, 0, 100, 4).ticks).toEqual([0, 2, 4, 6, 8]);
    expect(linearScale(0.31, 0, 100).ticks).toEqual([0, 0.1, 0.2, 0.3, 0.4]);
    expect(linearScale(12_000, 0, 100).max).toBe(12_500);
  });

  it("puts values where they belong, also from below to above", () => {
    const scale = linearScale(10, 200, 0);
    expect([0, 5, 10].map((value) => scale.at(value))).toEqual([200, 100, 0]);
  });

  it("does not fail without values", () => {
    expect(linearScale(0, 0, 100).at(0)).toBe(0);
    expect(linearScale(-Infinity, 0, 100).ticks.length).toBeGreaterThan(1);
  });
});

describe("numbers for people", () => {
  it("have the digits that they need", () => {
    expect([0.123, 1, 7.9996, 5.26, 28.12, 731.3, 10_000].map(shortNumber)).toEqual([
      "0.12",
      "1",
      "8",
      "5.26",
      "28.1",
      "731",
      "10,000",
    ]);
    expect([0.1, 2.5, 20, 10_000].map(tickText)).toEqual(["0.1", "2.5", "20", "10,000"]);
  });
});
