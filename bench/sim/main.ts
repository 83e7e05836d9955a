import { cpus } from "node:os";
import { simulate, type Outcome } from "../../test/simulation/outcome.ts";
import { SimulationError } from "../../test/simulation/simulation-error.ts";
import { help, readOptions, UsageError } from "./options.ts";

/** Runs the bench and returns the exit code: 0, 1 when the run broke an invariant, 2 for bad options. */
function main(args: readonly string[]): number {
  try {
    const { isHelp, isJson, scenario } = readOptions(args);
    if (isHelp) {
      process.stdout.write(`${help}\n`);
      return 0;
    }
    const startMs = performance.now();
    const outcome = simulate(scenario);
    const wallSeconds = Math.round(performance.now() - startMs) / 1000;
    process.stdout.write(
      isJson ? json(outcome, scenario.seed, wallSeconds) : table(outcome, wallSeconds),
    );
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    if (!(error instanceof SimulationError)) throw error;
    process.stderr.write(`The simulated run failed: ${error.message}.\n`);
    return 1;
  }
}

function json(outcome: Outcome, seed: number, wallSeconds: number): string {
  const machine = `${cpus()[0]?.model ?? "unknown"} x ${cpus().length}`;
  const all = { ...outcome, seed, wall_s: wallSeconds, node: process.version, machine };
  return `${JSON.stringify(all)}\n`;
}

function table(outcome: Outcome, wallSeconds: number): string {
  const rows = Object.entries({ ...outcome, wall_s: wallSeconds });
  return rows.map(([name, value]) => `${name.padEnd(30)}${String(value).padStart(14)}\n`).join("");
}

process.exitCode = main(process.argv.slice(2));
