import { describe, expect, it } from "vitest";

import { RateMeter } from "./rate-meter.ts";

describe("the rate meter", () => {
  it("knows nothing before two samples at different times", () => {
    const meter = new RateMeter();
    expect(meter.bytesPerSecond).toBeUndefined();
    meter.add(100, 0);
    meter.add(100, 50);
    expect(meter.bytesPerSecond).toBeUndefined();
  });

  it("follows the last seconds and forgets what was before", () => {
    const meter = new RateMeter();
    for (let second = 0; second <= 10; second++) meter.add(second * 1000, second * 10_000);
    expect(meter.bytesPerSecond).toBe(10_000);
    for (let second = 11; second <= 20; second++) meter.add(second * 1000, 100_000);
    expect(meter.bytesPerSecond).toBe(0);
  });

  it("stays right when samples come thick and fast", () => {
    const meter = new RateMeter();
    for (let i = 0; i < 100_000; i++) meter.add(i / 10, i * 100);
    expect(meter.bytesPerSecond).toBeCloseTo(1_000_000);
  });

  it("looks back over seconds also when samples come thick and fast", () => {
    const meter = new RateMeter();
    for (let ms = 0; ms < 4000; ms++) meter.add(ms, ms * 1000);
    // A moment without anything changes little.
    for (let ms = 4000; ms < 4200; ms++) meter.add(ms, 4_000_000);
    expect(meter.bytesPerSecond).toBeGreaterThan(900_000);
  });
});
