import { cpus } from "node:os";
import { disturbedRatio, simulate } from "../../test/simulation/outcome.ts";
import { SimulationError } from "../../test/simulation/simulation-error.ts";
import { help } from "./option-table.ts";
import { readOptions, UsageError, type Request } from "./options.ts";
import { measureScale } from "./scale.ts";
import { runSeeds, type SeedResult } from "./seed-run.ts";
import { runSuite, suiteTable } from "./suite.ts";

/**
 * Runs the bench and returns the exit code: 0, 1 when a run broke an invariant or a target was not
 * reached, 2 for bad options.
 */
async function main(args: readonly string[]): Promise<number> {
  try {
    const request = readOptions(args);
    if (request.isHelp) {
      process.stdout.write(`${help}\n`);
      return 0;
    }
    if (request.seeds !== undefined) {
      return await trySeeds(request.seeds.first, request.seeds.count, request.isJson);
    }
    if (request.suite !== undefined) return suite(request.suite === "quick", request.isJson);
    if (request.scalePeers !== undefined) print(measureScale(request.scalePeers), request.isJson);
    else single(request);
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

function single({ isCompared, isJson, scenario }: Request): void {
  const startMs = performance.now();
  const outcome = simulate(scenario);
  const wallSeconds = seconds(performance.now() - startMs);
  const compared = isCompared ? { disturbed_ratio: disturbedRatio(scenario, outcome) } : {};
  print({ ...outcome, ...compared, seed: scenario.seed, wall_s: wallSeconds }, isJson);
}

function suite(isQuick: boolean, isJson: boolean): number {
  const startMs = performance.now();
  const results = runSuite(isQuick, (result) => {
    if (!isJson) process.stdout.write(suiteTable(result));
  });
  const rows = results.flatMap((result) => result.rows);
  const missed = rows.filter((row) => !row.isReached).length;
  const aimed = rows.filter((row) => row.target !== null).length;
  const wallSeconds = seconds(performance.now() - startMs);
  if (isJson) print({ results, targets: aimed, missed, wall_s: wallSeconds }, true);
  else process.stdout.write(`${aimed - missed} of ${aimed} targets reached, ${wallSeconds} s\n`);
  return missed === 0 ? 0 : 1;
}

async function trySeeds(first: number, count: number, isJson: boolean): Promise<number> {
  const startMs = performance.now();
  const bad: SeedResult[] = [];
  await runSeeds(first, count, (result) => {
    if (result.failure === undefined && result.breaches.length === 0) return;
    bad.push(result);
    if (isJson) return;
    const lines = result.failure === undefined ? result.breaches : [result.failure];
    for (const line of lines) process.stdout.write(`seed ${result.seed}: ${line}\n`);
  });
  bad.sort((a, b) => a.seed - b.seed);
  const failures = bad.filter((result) => result.failure !== undefined).length;
  const figures = { first, count, failures, breaches: bad.length - failures };
  const wallSeconds = seconds(performance.now() - startMs);
  if (isJson) print({ ...figures, bad, wall_s: wallSeconds }, true);
  else print({ ...figures, wall_s: wallSeconds }, false);
  return bad.length === 0 ? 0 : 1;
}

function print(figures: object, isJson: boolean): void {
  if (isJson) {
    const machine = `${cpus()[0]?.model ?? "unknown"} x ${cpus().length}`;
    process.stdout.write(`${JSON.stringify({ ...figures, node: process.version, machine })}\n`);
    return;
  }
  for (const [name, value] of Object.entries(figures)) {
    const text = Array.isArray(value) ? value.join(" ") : String(value);
    process.stdout.write(`${name.padEnd(30)}${text.padStart(14)}\n`);
  }
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

// `| head` is no defect.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2));
