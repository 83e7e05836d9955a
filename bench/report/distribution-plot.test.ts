import { expect, it } from "vitest";

import { distribution } from "./distribution-plot.ts";

it("has a step for each of few values, at the share of those that are not larger", () => {
  expect(distribution([30, 10, 20, 20])).toEqual([
    { x: 0, y: 0 },
    { x: 10, y: 25 },
    { x: 20, y: 50 },
    { x: 20, y: 75 },
    { x: 30, y: 100 },
  ]);
});

it("has a hundred steps for many values, and ends at the largest", () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  const points = distribution(values);
  expect(points).toHaveLength(101);
  expect(points[1]).toEqual({ x: 10, y: 1 });
  expect(points[50]).toEqual({ x: 500, y: 50 });
  expect(points.at(-1)).toEqual({ x: 1000, y: 100 });
});

it("is empty but for its beginning when there are no values", () => {
  expect(distribution([])).toEqual([{ x: 0, y: 0 }]);
});
