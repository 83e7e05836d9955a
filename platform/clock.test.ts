import { describe, expect, it } from "vitest";

import { systemClock } from "./clock.ts";

describe("the machine's clock", () => {
  it("never goes back", () => {
    let last = systemClock.nowMs();
    for (let i = 0; i < 1000; i++) {
      const nowMs = systemClock.nowMs();
      expect(nowMs).toBeGreaterThanOrEqual(last);
      last = nowMs;
    }
  });

  it("ends a sleep with the reason of the signal, before it or while it lasts", async () => {
    const reason = new Error("enough");
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const abort = new AbortController();
    const sleep = systemClock.sleep(60_000, abort.signal);
    abort.abort(reason);
    await expect(sleep).rejects.toBe(reason);
  });
});
