import { describe, expect, it } from "vitest";

import type { Clock } from "../../platform/clock.ts";
import { Activity } from "./activity.ts";

/** A clock that goes on only when told to. */
class ManualClock implements Clock {
  #nowMs = 0;
  #sleepers: { atMs: number; wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => reject(signal.reason));
    this.#sleepers.push({ atMs: this.#nowMs + delayMs, wake: resolve });
    await promise;
  }

  /** Lets time pass, a millisecond at a time, with everything that follows from it. */
  async advance(durationMs: number): Promise<void> {
    for (let i = 0; i < durationMs; i++) {
      this.#nowMs += 1;
      const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
      this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
      for (const { wake } of due) wake();
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  }
}

function watch(activity: Activity, idleMs: number, signal = new AbortController().signal) {
  const state = { isIdle: false, error: undefined as unknown };
  void activity.idleFor(idleMs, signal).then(
    () => {
      state.isIdle = true;
    },
    (error: unknown) => {
      state.error = error;
    },
  );
  return state;
}

describe("the activity of a daemon", () => {
  it("is idle once nothing has run for the time", async () => {
    const clock = new ManualClock();
    const activity = new Activity(clock);
    activity.begin()[Symbol.dispose]();
    const state = watch(activity, 100);
    await clock.advance(99);
    expect(state.isIdle).toBe(false);
    await clock.advance(1);
    expect(state.isIdle).toBe(true);
  });

  it("waits longer for the first download, whose client may be slow to come", async () => {
    const clock = new ManualClock();
    const state = watch(new Activity(clock), 100);
    await clock.advance(14_999);
    expect(state.isIdle).toBe(false);
    await clock.advance(1);
    expect(state.isIdle).toBe(true);
  });

  it("counts the time anew from the end of the last download", async () => {
    const clock = new ManualClock();
    const activity = new Activity(clock);
    const state = watch(activity, 100);
    await clock.advance(90);
    const first = activity.begin();
    const second = activity.begin();
    await clock.advance(500);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(activity.running).toBe(1);
    await clock.advance(200);
    second[Symbol.dispose]();
    await clock.advance(99);
    expect(state.isIdle).toBe(false);
    await clock.advance(1);
    expect(state.isIdle).toBe(true);
  });

  it("stops waiting when it is told to", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const state = watch(new Activity(clock), 100, controller.signal);
    controller.abort(new Error("told to"));
    await clock.advance(1);
    expect(state.error).toEqual(new Error("told to"));
  });
});
