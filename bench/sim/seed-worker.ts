import { parentPort } from "node:worker_threads";
import { drawnScenario } from "../../test/simulation/drawn-scenario.ts";
import { simulate } from "../../test/simulation/outcome.ts";
import { SimulationError } from "../../test/simulation/simulation-error.ts";
import type { SeedResult } from "./seed-run.ts";

parentPort?.on("message", (seed: number) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(run(seed));
});

function run(seed: number): SeedResult {
  try {
    const { breaches } = simulate({ ...drawnScenario(seed), isStrict: false });
    return { seed, failure: undefined, breaches };
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    return { seed, failure: error.message, breaches: [] };
  }
}
