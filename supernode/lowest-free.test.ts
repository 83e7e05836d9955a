import { describe, expect, it } from "vitest";

import { LowestFree } from "./lowest-free.ts";

describe("numbers that are handed out", () => {
  it("are the lowest that nobody has", () => {
    const numbers = new LowestFree();
    expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([0, 1, 2]);
    numbers.give(0);
    numbers.give(1);
    numbers.give(1);
    expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([0, 1, 3]);
  });
});
