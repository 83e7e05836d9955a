import { describe, expect, it } from "vitest";
import type { Clock } from "../platform/clock.ts";
import { StorageFullError } from "./piece-store.ts";
import { StorageBudget } from "./storage-budget.ts";

/** A budget over a list of things that can be evicted, with a disk and a clock set by hand. */
function budgetOver(options: { quotaBytes?: number; freeFloorBytes?: number; freeBytes?: number }) {
  const state = {
    nowMs: 0,
    freeBytes: options.freeBytes ?? 1e9,
    asked: 0,
    evictable: [10, 20, 30],
  };
  const clock: Clock = {
    nowMs: () => state.nowMs,
    sleep: () => Promise.reject(new Error("unused")),
  };
  const budget: StorageBudget = new StorageBudget(
    {
      clock,
      freeBytes: () => {
        state.asked += 1;
        return state.freeBytes;
      },
      evictableBytes: () => state.evictable.reduce((sum, bytes) => sum + bytes, 0),
      evict: (lengthBytes) => {
        for (let left = lengthBytes; left > 0;) {
          const bytes = state.evictable.shift()!;
          left -= bytes;
          budget.hold(-bytes);
        }
      },
    },
    { quotaBytes: options.quotaBytes ?? 0, freeFloorBytes: options.freeFloorBytes ?? 0 },
  );
  budget.hold(60);
  return { budget, state };
}

describe("StorageBudget", () => {
  it("evicts to stay under the quota, a little more than needed", () => {
    const { budget, state } = budgetOver({ quotaBytes: 100 });
    budget.reserve(40);
    expect(state.evictable).toEqual([10, 20, 30]);
    budget.reserve(6);
    expect(state.evictable).toEqual([30]);
    expect(budget.usedBytes).toBe(76);
  });

  it("evicts nothing when that would not be enough", () => {
    const { budget, state } = budgetOver({ quotaBytes: 100 });
    budget.hold(30);
    expect(() => budget.reserve(71)).toThrow(StorageFullError);
    expect(state.evictable).toEqual([10, 20, 30]);
    expect(budget.usedBytes).toBe(90);
    budget.reserve(70);
    expect(budget.usedBytes).toBe(100);
  });

  it("evicts to keep the floor of free space, counting what is promised but not written", () => {
    const { budget, state } = budgetOver({ freeFloorBytes: 1000, freeBytes: 1050 });
    budget.reserve(30);
    budget.reserve(20);
    expect(state.evictable).toEqual([10, 20, 30]);
    budget.reserve(25);
    expect(state.evictable).toEqual([30]);
    expect(() => budget.reserve(50)).toThrow("1000 bytes of the disk are kept free");
  });

  it("asks the file system again only after a while, and knows what was written since", () => {
    const { budget, state } = budgetOver({ freeFloorBytes: 0, freeBytes: 100 });
    state.evictable = [];
    budget.reserve(90);
    budget.release(90);
    budget.hold(90);
    state.nowMs = 900;
    expect(() => budget.reserve(20)).toThrow(StorageFullError);
    expect(state.asked).toBe(1);
    state.nowMs = 1100;
    budget.reserve(20);
    expect(state.asked).toBe(2);
  });

  it("says what the limits are when there is no room", () => {
    const { budget } = budgetOver({ quotaBytes: 100 });
    expect(() => budget.reserve(500)).toThrow("60 bytes are in use, the quota is 100");
  });
});
