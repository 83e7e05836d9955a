import { describe, expect, it } from "vitest";
import { PieceTimes } from "./piece-times.ts";

describe("PieceTimes", () => {
  it("has no quantiles before there are figures", () => {
    expect(new PieceTimes().quantile(0.5)).toBe(0);
  });

  it("keeps only the last 32", () => {
    const times = new PieceTimes();
    for (let i = 0; i < 32; i++) times.add(1000);
    for (let i = 0; i < 32; i++) times.add(i);
    expect(times.quantile(1)).toBe(31);
    expect(times.quantile(0.5)).toBe(16);
    expect(times.total).toBe(64);
  });

  it("allows the first time until there are a few figures, then a multiple of the 90 % quantile", () => {
    const times = new PieceTimes();
    expect(times.limitMs(3, 200, 1500)).toBe(1500);
    for (let i = 0; i < 7; i++) times.add(100);
    expect(times.limitMs(3, 200, 1500)).toBe(1500);
    times.add(100);
    expect(times.limitMs(3, 200, 1500)).toBe(300);
    expect(times.limitMs(3, 400, 1500)).toBe(400);
  });

  it("allows more than the longest seen while there are few figures", () => {
    const times = new PieceTimes();
    times.add(4000);
    expect(times.limitMs(3, 200, 1500)).toBe(12_000);
  });

  it("doubles its patience once for what was given up side by side, until something arrives", () => {
    const times = new PieceTimes();
    for (let i = 0; i < 6; i++) times.giveUp(1500, 0);
    expect(times.patience).toBe(2);
    times.giveUp(4500, 1500);
    expect(times.patience).toBe(4);
    times.add(100);
    expect(times.patience).toBe(1);
    expect(times.quantile(1)).toBe(100);
  });

  it("ignores what is not a duration", () => {
    const times = new PieceTimes();
    times.add(-1);
    times.add(NaN);
    expect(times.total).toBe(0);
  });
});
