import { describe, expect, it } from "vitest";

import { compareCosts, isWorse, joinRounds } from "./cost.ts";
import type { Cost } from "./cost.ts";

function cost(name: string, ...rounds: number[]): Cost {
  return { name, rounds, unit: "s" };
}

describe("costs at two commits", () => {
  it("are compared by their medians, with the spread of the rounds", () => {
    const { both } = compareCosts([cost("a", 10, 12, 11)], [cost("a", 22, 20, 33)]);
    expect(both).toEqual([
      {
        name: "a",
        unit: "s",
        base: 11,
        head: 22,
        ratio: 2,
        ratioMin: 20 / 12,
        ratioMax: 3.3,
        bestRatio: 2,
      },
    ]);
  });

  it("are told of when only one commit has them", () => {
    const { both, onlyBase, onlyHead } = compareCosts(
      [cost("a", 1), cost("gone", 1)],
      [cost("new", 1), cost("a", 1)],
    );
    expect(both.map(({ name }) => name)).toEqual(["a"]);
    expect([onlyBase, onlyHead]).toEqual([["gone"], ["new"]]);
  });

  it("are worse when the best rounds say so", () => {
    const worse = (head: readonly number[]) =>
      compareCosts([cost("a", 10, 10)], [cost("a", ...head)]).both.some((each) => isWorse(each, 2));
    expect(worse([25, 24])).toBe(true);
    expect(worse([40, 11])).toBe(false);
    expect(worse([19, 19])).toBe(false);
  });

  it("take more rounds of the same", () => {
    expect(joinRounds([[cost("a", 1), cost("b", 2)], [cost("a", 3)]])).toEqual([
      cost("a", 1, 3),
      cost("b", 2),
    ]);
  });
});
