import { describe, expect, it } from "vitest";

import type { Clock } from "../platform/clock.ts";
import { DiskPace } from "./disk-pace.ts";

describe("short files", () => {
  it("are written at once, others are not", () => {
    const pace = new DiskPace(new HandClock());
    expect(pace.isAtOnce(64 * 1024)).toBe(true);
    expect(pace.isAtOnce(64 * 1024 + 1)).toBe(false);
    expect(pace.isAtOnce(undefined)).toBe(false);
  });

  it("are left to other threads for two seconds after the disk was waited for", () => {
    const clock = new HandClock();
    const pace = new DiskPace(clock);
    pace.run(() => (clock.ms += 10));
    expect(pace.isAtOnce(1)).toBe(true);
    const failing = (): void => {
      clock.ms += 50;
      throw new Error("the disk is full");
    };
    expect(() => pace.run(failing)).toThrow("the disk is full");
    expect(pace.isAtOnce(1)).toBe(false);
    clock.ms += 1999;
    expect(pace.isAtOnce(1)).toBe(false);
    clock.ms += 1;
    expect(pace.isAtOnce(1)).toBe(true);
  });
});

class HandClock implements Clock {
  ms = 1000;

  nowMs(): number {
    return this.ms;
  }

  async sleep(): Promise<void> {
    // Nobody sleeps here.
  }
}
