import { describe, expect, it } from "vitest";
import { runSeeds, type SeedResult } from "./seed-run.ts";

describe("a run of many seeds", () => {
  it("tries each seed once, on several threads", async () => {
    const results: SeedResult[] = [];
    await runSeeds(1, 8, (result) => results.push(result), 2);
    expect(results.map(({ seed }) => seed).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { failure } of results) expect(failure).toBeUndefined();
  });
});
