import { describe, expect, it } from "vitest";

import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import { GrowingTask } from "./growing-task.ts";

describe("a task whose length is not known", () => {
  it("has as many pieces as the supernode has offered", () => {
    const growing = new GrowingTask();
    expect(growing.offered(2)).toBe(true);
    expect(growing.pieceCount).toBe(3);
    expect(growing.offered(1)).toBe(false);
  });

  it("leaves out the last piece that neighbours name, which may be short", () => {
    const growing = new GrowingTask();
    expect(growing.held(5, [0, 1, 2])).toBe(true);
    expect(growing.pieceCount).toBe(2);
  });

  it("gives what neighbours hold once it can be asked for", () => {
    const growing = new GrowingTask();
    growing.held(5, [0, 1, 2]);
    expect([...growing.takeLate()]).toEqual([[5, [0, 1]]]);
    growing.ended(3);
    expect([...growing.takeLate()]).toEqual([[5, [2]]]);
    expect([...growing.takeLate()]).toEqual([]);
  });

  it("forgets what a neighbour said that is gone", () => {
    const growing = new GrowingTask();
    growing.held(5, [4]);
    growing.forget(5);
    growing.ended(9);
    expect([...growing.takeLate()]).toEqual([]);
  });

  it("does not believe in more pieces than a task may have", () => {
    const growing = new GrowingTask();
    growing.held(5, [PIECE_COUNT_MAX, 2 ** 40]);
    expect(growing.pieceCount).toBe(0);
    growing.offered(2 ** 40);
    expect(growing.pieceCount).toBe(PIECE_COUNT_MAX);
  });
});
