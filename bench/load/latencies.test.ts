import { expect, it } from "vitest";

import { Latencies } from "./latencies.ts";

function recorded(record: (latencies: Latencies) => void) {
  const latencies = new Latencies();
  record(latencies);
  return latencies;
}

it("gives percentiles to three digits, from a microsecond to an hour", () => {
  const figures = recorded((latencies) => {
    for (let ms = 1; ms <= 1000; ms++) latencies.record(ms);
  }).figures();
  expect(figures.p50_ms).toBeCloseTo(500, -0.5);
  expect(Math.abs(figures.p99_ms - 990)).toBeLessThan(2);
  expect(Math.abs(figures.max_ms - 1000)).toBeLessThan(2);
  const extremes = recorded((latencies) => {
    latencies.record(0);
    latencies.record(10 * 3_600_000);
  }).figures();
  expect(extremes.p50_ms).toBeCloseTo(0.001, 3);
  expect(Math.abs(extremes.max_ms - 3_600_000)).toBeLessThan(3600);
});

it("counts the requests that a waiting client did not send", () => {
  // A hundred requests of a millisecond each, one of which took a second: a client of one every 10 ms left out 99.
  const latencies = recorded((all) => {
    for (let i = 0; i < 99; i++) all.recordWithOmitted(1, 10);
    all.recordWithOmitted(1000, 10);
  });
  expect(latencies.count).toBe(100 + 99);
  const figures = latencies.figures();
  expect(figures.p50_ms).toBeCloseTo(10, 0);
  expect(figures.p99_ms).toBeGreaterThan(950);
  const uncorrected = recorded((all) => {
    for (let i = 0; i < 99; i++) all.record(1);
    all.record(1000);
  });
  expect(uncorrected.figures().p99_ms).toBeLessThan(2);
});

it("adds nothing to answers that came before the next request was due", () => {
  const latencies = recorded((all) => {
    all.recordWithOmitted(9, 10);
    all.recordWithOmitted(19, 10);
    all.recordWithOmitted(5, 0);
  });
  expect(latencies.count).toBe(3);
});

it("has no percentiles of nothing", () => {
  expect(() => new Latencies().figures()).toThrow(RangeError);
});
