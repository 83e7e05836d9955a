import { describe, expect, it } from "vitest";
import { BufferPool } from "./buffer-pool.ts";

describe("BufferPool", () => {
  it("hands out at most its number of buffers and the next one to who waited longest", () => {
    const pool = new BufferPool(8, 2);
    const got: [string, Buffer][] = [];
    for (const name of ["a", "b", "c", "d"]) pool.take((buffer) => got.push([name, buffer]));
    expect(got.map(([name]) => name)).toEqual(["a", "b"]);
    pool.give(got[0]![1]);
    expect(got[2]).toEqual(["c", got[0]![1]]);
    pool.give(got[1]![1]);
    expect(got.map(([name]) => name)).toEqual(["a", "b", "c", "d"]);
    expect(pool.takenCount).toBe(2);
    pool.give(got[2]![1]);
    pool.give(got[3]![1]);
    expect(pool.takenCount).toBe(0);
  });

  it("forgets who no longer wants to wait", () => {
    const pool = new BufferPool(8, 1);
    const got: string[] = [];
    let first: Buffer | undefined;
    pool.take((buffer) => (first = buffer));
    const takeBack = pool.take(() => got.push("b"));
    pool.take(() => got.push("c"));
    takeBack();
    pool.give(first!);
    expect(got).toEqual(["c"]);
    takeBack();
  });

  it("gives second buffers only while fewer than half are taken", () => {
    const pool = new BufferPool(8, 4);
    const [first, second] = [pool.takeSpare(), pool.takeSpare()];
    expect(first).toBeDefined();
    expect(pool.takeSpare()).toBeUndefined();
    pool.give(second!);
    expect(pool.takeSpare()).toBe(second);
  });
});
