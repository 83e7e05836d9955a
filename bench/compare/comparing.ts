import type { Checkout } from "./checkout.ts";
import { compareCosts, isWorse, joinRounds } from "./cost.ts";
import type { Comparisons, Cost } from "./cost.ts";
import { BenchFailure, measureAt } from "./measured-benches.ts";
import type { ComparedBench } from "./measured-benches.ts";

/** How often what looks worse is measured again, at most, before it is believed. */
const ROUNDS_AGAIN_MAX = 4;

/** A bench at two commits. */
export interface ComparedResult {
  readonly bench: string;
  /** Undefined when the bench does not run at the base, which `reason` tells. */
  readonly comparisons: Comparisons | undefined;
  readonly reason: string | undefined;
}

/** The two commits. */
export interface Sides {
  readonly base: Checkout;
  readonly head: Checkout;
  /** Where the benches put what they would leave behind when they are ended. */
  readonly temporaryPath: string;
}

/**
 * Measures a bench at both commits in turn, `rounds` times. What has become `failAt` times worse is measured again with
 * the rest of its bench, as other work on the machine is often the reason. Throws BenchFailure when it does not run at the
 * head.
 */
export async function compareBench(
  bench: ComparedBench,
  sides: Sides,
  options: { readonly rounds: number; readonly failAt: number | undefined },
  say: (sentence: string) => void,
  signal: AbortSignal,
): Promise<ComparedResult> {
  const base: Cost[][] = [];
  const head: Cost[][] = [];
  const measureRounds = async (count: number): Promise<Comparisons> => {
    for (let round = 0; round < count; round++) {
      say(`bench:${bench.name} at ${sides.base.name} and at ${sides.head.name}`);
      // Each goes first in every other round, as machines grow warm.
      const order =
        base.length % 2 === 0 ? (["base", "head"] as const) : (["head", "base"] as const);
      for (const side of order) {
        const costs = await measureAt(sides[side], bench, sides.temporaryPath, signal);
        (side === "base" ? base : head).push(costs);
      }
    }
    return compareCosts(joinRounds(base), joinRounds(head));
  };
  try {
    let comparisons = await measureRounds(options.rounds);
    const { failAt } = options;
    for (let again = 0; again < ROUNDS_AGAIN_MAX; again++) {
      if (failAt === undefined || !comparisons.both.some((each) => isWorse(each, failAt))) break;
      say("something looks much worse; measuring again");
      comparisons = await measureRounds(1);
    }
    return { bench: bench.name, comparisons, reason: undefined };
  } catch (error) {
    // What the head cannot run is its defect; what the base cannot run may not have been there.
    if (!(error instanceof BenchFailure) || base.length > 0) throw error;
    return { bench: bench.name, comparisons: undefined, reason: error.message };
  }
}
