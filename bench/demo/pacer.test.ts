import { describe, expect, it } from "vitest";

import { Pacer } from "./pacer.ts";

describe("the line of the demo's registry", () => {
  it("lets no more pass than its rate, however many share it", async () => {
    let nowMs = 1000;
    let waitedUntilMs = 0;
    const clock = {
      nowMs: () => nowMs,
      sleep: async (delayMs: number) => {
        waitedUntilMs = Math.max(waitedUntilMs, nowMs + delayMs);
      },
    };
    const pacer = new Pacer(1_000_000, clock);
    const { signal } = new AbortController();
    const takes = Array.from({ length: 100 }, async () => await pacer.take(10_000, signal));
    await Promise.all(takes);
    // 1 MB takes a second, less the lag that a busy machine may make up.
    expect(waitedUntilMs).toBe(1950);
    nowMs = 60_000;
    await pacer.take(100_000, signal);
    expect(waitedUntilMs).toBe(60_050);
  });
});
