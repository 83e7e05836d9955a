import { describe, expect, it } from "vitest";

import type { TaskId } from "../../protocol/task-id.ts";
import { RecentBytes } from "./recent-bytes.ts";
import { Slot } from "./slot.ts";

const TASK = `sha256:${"1".repeat(64)}` as TaskId;
const OTHER = `sha256:${"2".repeat(64)}` as TaskId;
const LENGTH_BYTES = 8;

function stage(slots: number) {
  const freed: number[] = [];
  const recent = new RecentBytes((slot) => freed.push(slot.index));
  for (let index = 0; index < slots; index++) {
    const slot = new Slot(index, new SharedArrayBuffer(LENGTH_BYTES));
    slot.fill(0, new Uint8Array(LENGTH_BYTES).fill(index), 0, LENGTH_BYTES);
    recent.keep(TASK, index * LENGTH_BYTES, LENGTH_BYTES, slot);
  }
  return { recent, freed };
}

describe("the bytes that came last", () => {
  it("are lent as far as they lie together, and not used again meanwhile", () => {
    const { recent } = stage(3);
    const lent = recent.lend(TASK, 3, 100)!;
    expect([...lent.bytes]).toEqual([0, 0, 0, 0, 0]);
    expect([...recent.lend(TASK, LENGTH_BYTES + 1, 2)!.bytes]).toEqual([1, 1]);
    expect(recent.takeOldest()?.index).toBe(2);
    expect(recent.takeOldest()).toBeUndefined();
    lent[Symbol.dispose]();
    expect(recent.takeOldest()?.index).toBe(0);
    expect(recent.keptBytes).toBe(LENGTH_BYTES);
    expect(recent.lend(TASK, 0, 1)).toBeUndefined();
    expect(recent.lend(OTHER, LENGTH_BYTES, 1)).toBeUndefined();
  });

  it("are lent to several at a time, and from a few slots only", () => {
    const { recent } = stage(5);
    const lent = [0, 0, 1, 2, 3].map((index) => recent.lend(TASK, index * LENGTH_BYTES, 1)!);
    expect(recent.lend(TASK, 4 * LENGTH_BYTES, 1)).toBeUndefined();
    lent[0]![Symbol.dispose]();
    expect(recent.lend(TASK, 4 * LENGTH_BYTES, 1)).toBeUndefined();
    lent[1]![Symbol.dispose]();
    expect(recent.lend(TASK, 4 * LENGTH_BYTES, 1)).toBeDefined();
  });

  it("of a task that is forgotten free their slots, lent ones when they come back", () => {
    const { recent, freed } = stage(3);
    const lent = recent.lend(TASK, LENGTH_BYTES, 1)!;
    recent.forget(TASK);
    expect(recent.lend(TASK, LENGTH_BYTES, 1)).toBeUndefined();
    expect(freed).toEqual([0, 2]);
    lent[Symbol.dispose]();
    expect(freed).toEqual([0, 2, 1]);
    expect(recent.keptBytes).toBe(0);
  });

  it("are those that were read last, also where others are kept or lent", () => {
    const { recent, freed } = stage(3);
    const lent = recent.lend(TASK, LENGTH_BYTES, 1)!;
    // It lies over the end of the first and the beginning of the second.
    const again = new Slot(3, new SharedArrayBuffer(LENGTH_BYTES));
    again.fill(0, new Uint8Array(LENGTH_BYTES).fill(3), 0, LENGTH_BYTES);
    recent.keep(TASK, LENGTH_BYTES / 2, LENGTH_BYTES, again);
    const target = new Uint8Array(1);
    expect(recent.copy(TASK, LENGTH_BYTES, target)).toBe(true);
    expect([...target, ...recent.lend(TASK, LENGTH_BYTES, 1)!.bytes]).toEqual([3, 3]);
    expect(recent.copy(TASK, 0, target)).toBe(false);
    expect([...lent.bytes]).toEqual([1]);
    expect(freed).toEqual([0]);
    lent[Symbol.dispose]();
    expect(freed).toEqual([0, 1]);
    recent.keep(OTHER, 0, LENGTH_BYTES, new Slot(4, new SharedArrayBuffer(LENGTH_BYTES)));
    expect(recent.keptBytes).toBe(3 * LENGTH_BYTES);
  });
});
