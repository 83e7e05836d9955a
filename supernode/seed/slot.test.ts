import { describe, expect, it } from "vitest";

import { Slot } from "./slot.ts";

describe("a slot", () => {
  it("takes a part of bytes that lie anywhere, no more than there are, and gives them back", () => {
    const slot = new Slot(0, new SharedArrayBuffer(16));
    const source = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]).subarray(3);
    expect(slot.fill(0, source, 1, 2)).toBe(2);
    expect(slot.fill(2, source, 3, 100)).toBe(2);
    const target = new Uint8Array(3);
    slot.copyTo(1, target);
    expect([...target]).toEqual([5, 6, 7]);
  });
});
