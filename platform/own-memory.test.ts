import { expect, it } from "vitest";

import { giveBack, takeMemory } from "./own-memory.ts";

it("memory that was taken for one content is empty once it was given back, and can be given back again", () => {
  const memory = takeMemory(100_000);
  const view = memory.subarray(10, 50_000);
  giveBack(view);
  expect([memory.length, view.length]).toEqual([0, 0]);
  giveBack(view);
});

it("memory that may hold other things stays as it is", () => {
  const memory = new Uint8Array([1, 2, 3]);
  giveBack(memory.subarray(1));
  expect([...memory]).toEqual([1, 2, 3]);
});
