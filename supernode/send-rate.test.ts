import { describe, expect, it } from "vitest";

import { SendMeter } from "./send-meter.ts";
import { SendRate } from "./send-rate.ts";

/** A clock that stands still but for what is slept or set. */
function manualClock() {
  return {
    ms: 0,
    waits: [] as number[],
    nowMs() {
      return this.ms;
    },
    async sleep(delayMs: number) {
      this.waits.push(delayMs);
    },
  };
}

const { signal } = new AbortController();

describe("the rate of sending", () => {
  it("lets each wait for its share of the time, and nobody after a pause", async () => {
    const clock = manualClock();
    const rate = new SendRate(clock, 1000);
    for (let i = 0; i < 3; i++) await rate.take(500, signal);
    expect(clock.waits).toEqual([500, 1000]);
    clock.ms = 10_000;
    await rate.take(500, signal);
    expect(clock.waits).toHaveLength(2);
  });

  it("has no limit at 0", async () => {
    const clock = manualClock();
    const rate = new SendRate(clock, 0);
    for (let i = 0; i < 3; i++) await rate.take(1e9, signal);
    expect(clock.waits).toEqual([]);
  });
});

describe("the measured rate of sending", () => {
  it("is told every half second while it is busy, and not over a pause", () => {
    const clock = manualClock();
    const rates: number[] = [];
    const meter = new SendMeter(clock, (rate) => rates.push(rate));
    for (clock.ms = 0; clock.ms <= 1000; clock.ms += 100) meter.sent(1000);
    expect(rates).toEqual([10_000, 10_000]);
    clock.ms = 60_000;
    meter.sent(1000);
    expect(rates).toHaveLength(2);
  });
});
