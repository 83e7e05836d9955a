import { expect, it } from "vitest";

import type { Clock } from "../../platform/clock.ts";
import { DeliveryPace } from "./delivery-pace.ts";

const { signal } = new AbortController();

/** A clock that goes on only when somebody sleeps. */
function sleepingClock(): Clock {
  let nowMs = 0;
  return { nowMs: () => nowMs, sleep: async (ms) => void (nowMs += ms) };
}

it("bytes pass at their rate, however they are cut, less one small burst", async () => {
  for (const sliceBytes of [1000, 10_000, 100_000]) {
    const clock = sleepingClock();
    const pace = new DeliveryPace(100_000, clock);
    for (let sent = 0; sent < 1_000_000; sent += sliceBytes) await pace.pass(sliceBytes, signal);
    expect(clock.nowMs()).toBeCloseTo(9950, -1);
  }
});

it("without a rate nothing waits", async () => {
  const clock = sleepingClock();
  await new DeliveryPace(0, clock).pass(1e12, signal);
  expect(clock.nowMs()).toBe(0);
});
