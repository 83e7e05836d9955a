import { expect, it } from "vitest";

import { kneeOf } from "./crowd-bench.ts";
import type { JoinFigures } from "./load-figures.ts";

function step(per_s: number, p99_ms: number, unanswered = 0): JoinFigures {
  return {
    per_s,
    joins: per_s,
    unanswered,
    p50_ms: 1,
    p99_ms,
    p999_ms: p99_ms,
    max_ms: p99_ms,
    cpu_s: 1,
    cpu_fraction: 0.5,
    rss_mb: 100,
    loop_delay_p99_ms: 1,
    driver_cpu_fraction: 0.5,
    driver_loop_delay_p99_ms: 1,
  };
}

it("finds the last rate before joins are slow", () => {
  const ramp = kneeOf([step(1000, 20), step(1500, 100), step(2250, 100.1)], 100);
  expect(ramp).toMatchObject({ knee_per_s: 1500, knee_p99_ms: 100, beyond_per_s: 2250 });
});

it("says that there is no knee where the nodes did not suffice, or the first rate was too high", () => {
  expect(kneeOf([step(1000, 20), step(1500, 30)], 100)).toMatchObject({
    knee_per_s: 1500,
    beyond_per_s: null,
  });
  expect(kneeOf([step(1000, 200)], 100)).toMatchObject({ knee_per_s: null, beyond_per_s: 1000 });
});

it("takes a rate at which joins stay unanswered as too high", () => {
  expect(kneeOf([step(1000, 20), step(1500, 20, 1)], 100)).toMatchObject({
    knee_per_s: 1000,
    beyond_per_s: 1500,
  });
});
