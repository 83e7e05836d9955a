import { disturbedRatio, simulate, type Outcome } from "../../test/simulation/outcome.ts";
import { SimulationError } from "../../test/simulation/simulation-error.ts";
import { measureScale } from "./scale.ts";
import { scalePeers, scaleTargets, suiteCases, type SuiteCase, type Target } from "./targets.ts";

/** One figure of the suite beside its target. */
export interface SuiteRow {
  readonly scenario: string;
  readonly figure: string;
  /** At most; null for a figure that is only shown. */
  readonly target: number | null;
  /** Null when the run failed. */
  readonly value: number | null;
  readonly isReached: boolean;
}

/** What came of one scenario of the suite. */
export interface SuiteResult {
  readonly name: string;
  readonly rows: readonly SuiteRow[];
  readonly outcome: Outcome | undefined;
  readonly failure: string | undefined;
  readonly wall_s: number;
}

/** Runs the suite, telling of each scenario when it is over. */
export function runSuite(isQuick: boolean, told: (result: SuiteResult) => void): SuiteResult[] {
  const results: SuiteResult[] = [];
  for (const suiteCase of suiteCases(isQuick)) {
    results.push(runCase(suiteCase));
    told(results.at(-1)!);
  }
  results.push(scaleResult());
  told(results.at(-1)!);
  return results;
}

/** Runs one scenario and holds its figures against the targets. */
export function runCase({ isCompared, name, scenario, targets }: SuiteCase): SuiteResult {
  const startMs = performance.now();
  let outcome: Outcome | undefined;
  let failure: string | undefined;
  let figures: Record<string, number> = {};
  try {
    outcome = simulate({ ...scenario, isStrict: false, measuresCpu: true });
    figures = { ...numbersOf(outcome), breaches: outcome.breaches.length };
    if (isCompared === true) figures["disturbed_ratio"] = disturbedRatio(scenario, outcome);
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    failure = error.message;
  }
  const rows = targets.map((target) => rowOf(name, target, figures[target.figure]));
  const wallMs = performance.now() - startMs;
  return { name, rows, outcome, failure, wall_s: Math.round(wallMs) / 1000 };
}

/** The rows as a table, the names of scenarios above theirs. */
export function suiteTable({ failure, name, rows, wall_s: wallSeconds }: SuiteResult): string {
  const lines = [`${name} (${wallSeconds.toFixed(1)} s)`];
  if (failure !== undefined) lines.push(`  failed: ${failure}`);
  for (const { figure, isReached, target, value } of rows) {
    const wanted = target === null ? "" : `at most ${target}`;
    const verdict = target === null ? "" : isReached ? "reached" : "NOT REACHED";
    const shown = value === null ? "-" : String(value);
    lines.push(`  ${figure.padEnd(30)}${shown.padStart(10)}  ${wanted.padEnd(14)}${verdict}`);
  }
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function scaleResult(): SuiteResult {
  const startMs = performance.now();
  const figures = numbersOf(measureScale(scalePeers));
  const name = `${scalePeers} peers in one task of the scheduler`;
  const rows = scaleTargets.map((target) => rowOf(name, target, figures[target.figure]));
  const wallMs = performance.now() - startMs;
  return { name, rows, outcome: undefined, failure: undefined, wall_s: Math.round(wallMs) / 1000 };
}

function rowOf(scenario: string, { figure, most }: Target, value: number | undefined): SuiteRow {
  return {
    scenario,
    figure,
    target: most ?? null,
    value: value ?? null,
    isReached: value !== undefined && (most === undefined || value <= most),
  };
}

function numbersOf(object: object): Record<string, number> {
  const entries = Object.entries(object).filter(([, value]) => typeof value === "number");
  return Object.fromEntries(entries);
}
