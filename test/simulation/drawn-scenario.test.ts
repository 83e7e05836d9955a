import { describe, expect, it } from "vitest";
import { drawnScenario } from "./drawn-scenario.ts";
import { simulate } from "./outcome.ts";

const FIXED = 30;
const FRESH = 20;

describe("scenarios drawn from a seed", () => {
  it("let every live peer finish and break no invariant, for known seeds", () => {
    for (let seed = 1; seed <= FIXED; seed++) tryOut(seed);
  });

  it("let every live peer finish and break no invariant, for fresh seeds", () => {
    const first = Math.floor(Math.random() * 2 ** 31);
    for (let i = 0; i < FRESH; i++) tryOut(first + i);
  });
});

/** Fails with the seed in the message, for `drawnScenario(seed)` to repeat it. */
function tryOut(seed: number): void {
  try {
    const outcome = simulate(drawnScenario(seed));
    expect(outcome.last_s).toBeGreaterThanOrEqual(0);
  } catch (error) {
    throw new Error(`the scenario of seed ${seed} failed: ${String(error)}`, { cause: error });
  }
}
