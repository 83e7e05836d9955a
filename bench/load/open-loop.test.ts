import { expect, it } from "vitest";

import { OpenLoop } from "./open-loop.ts";

it("gives out what has become due, each once, and ends", () => {
  const loop = new OpenLoop(1000, 100, 5);
  expect([...loop.take(999)]).toEqual([]);
  expect([...loop.take(1000)]).toEqual([0]);
  expect([...loop.take(1000)]).toEqual([]);
  expect([...loop.take(1025)]).toEqual([1, 2]);
  expect(loop.isOver).toBe(false);
  expect([...loop.take(9999)]).toEqual([3, 4]);
  expect(loop.isOver).toBe(true);
  expect([...loop.take(10_000)]).toEqual([]);
});

it("keeps to the rate when it is asked late", () => {
  const loop = new OpenLoop(0, 2000, 10_000);
  const late = [...loop.take(500)];
  expect(late).toHaveLength(1001);
  expect(loop.dueMs(late[1000]!)).toBe(500);
  // The moment does not move because others were late.
  expect(loop.dueMs(1001)).toBe(500.5);
});
