import { expect, it } from "vitest";

import { HeartbeatRing } from "./heartbeat-ring.ts";

function ringOf(slotCount: number, memberCount: number): HeartbeatRing<number> {
  const ring = new HeartbeatRing<number>(slotCount);
  for (let member = 0; member < memberCount; member++) ring.add(member);
  return ring;
}

it("makes every member due once a round, about as many at a time", () => {
  const ring = ringOf(4, 10);
  for (let round = 0; round < 2; round++) {
    const slots = Array.from({ length: 4 }, () => [...ring.due()]);
    expect(slots.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const slot of slots) expect([2, 3]).toContain(slot.length);
  }
});

it("fills up where members have gone", () => {
  const ring = ringOf(2, 8);
  const first = [...ring.due()];
  for (const member of first) ring.delete(member);
  expect(ring.size).toBe(4);
  for (const member of [10, 11, 12, 13]) ring.add(member);
  expect([...ring.due()]).toHaveLength(4);
  expect([...ring.due()]).toEqual([10, 11, 12, 13]);
  expect([...ring].sort((a, b) => a - b)).toEqual([1, 3, 5, 7, 10, 11, 12, 13]);
});

it("ignores a member that is not there", () => {
  const ring = ringOf(3, 1);
  ring.delete(99);
  expect(ring.size).toBe(1);
});
