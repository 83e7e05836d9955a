import { describe, expect, it } from "vitest";
import { ReaderLag } from "./reader-lag.ts";

describe("a reader's lag", () => {
  it("is what is left at the end when everything comes at once", () => {
    const lag = new ReaderLag(100);
    lag.advance(300, 1000);
    // The perfect stream brings 5 bytes a millisecond; without any the lag grows to 200.
    expect(lag.meanMs(300, 5)).toBeCloseTo(100);
  });

  it("is half a piece time when pieces come as fast as in the perfect stream", () => {
    const lag = new ReaderLag(0);
    for (let atMs = 10; atMs <= 1000; atMs += 10) lag.advance(atMs, 100);
    expect(lag.meanMs(1000, 10)).toBeCloseTo(5);
  });

  it("stays at the delay of a stream that begins late and is never slow", () => {
    const lag = new ReaderLag(0);
    for (let atMs = 50; atMs <= 1050; atMs += 1) lag.advance(atMs, 10);
    // Grows to 50 in the first 50 ms, then stays there.
    expect(lag.meanMs(1050, 10)).toBeCloseTo((25 * 50 + 50 * 1000) / 1050, 0);
  });

  it("is nothing for a pull that took no time", () => {
    expect(new ReaderLag(7).meanMs(7, 10)).toBe(0);
  });
});
