import { expect, it } from "vitest";

import { SpareBuffers } from "./spare-buffers.ts";

it("gives a buffer out again once it was given back, and never before", () => {
  const buffers = new SpareBuffers(100, 2);
  const [first, second] = [buffers.take(100), buffers.take(500)];
  expect(first).not.toBe(second);
  expect([first.length, second.length]).toEqual([100, 100]);
  buffers.give(second);
  expect(buffers.take(100)).toBe(second);
});

it("makes short buffers as short as they are wanted, and does not keep them", () => {
  const buffers = new SpareBuffers(100, 2);
  const short = buffers.take(7);
  expect(short).toHaveLength(7);
  buffers.give(short);
  expect(buffers.take(100)).toHaveLength(100);
});

it("keeps no more than it may", () => {
  const buffers = new SpareBuffers(100, 1);
  const taken = [buffers.take(100), buffers.take(100)] as const;
  buffers.give(taken[0]);
  buffers.give(taken[1]);
  expect(buffers.take(100)).toBe(taken[0]);
  expect(buffers.take(100)).not.toBe(taken[1]);
});
