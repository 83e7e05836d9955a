import type { FleetBenchOptions } from "./bench-options.ts";
import { rounded } from "./bench-result.ts";
import type { RunResult } from "./bench-result.ts";
import type { FleetBenchOutcome } from "./fleet-bench.ts";
import type { MachineDescription } from "./machine-description.ts";
import { PAYLOAD_FACTOR } from "./payload-rate.ts";
import { medianBy } from "./statistics.ts";

/** Where, when and with what it was measured. */
export interface BenchSurroundings {
  readonly machine: MachineDescription & {
    readonly load_average_before: number;
    readonly load_average_after: number;
  };
  readonly commit: string | null;
  readonly versions: Readonly<Record<string, string>>;
}

/** What `--json` prints: the figures of the median run, what they stand beside, and all runs. */
export interface BenchReport
  extends Omit<RunResult, "nodes_cpu_s" | "received_ratios" | "nodes">, BenchSurroundings {
  readonly direct_last_s: number | null;
  readonly options: Readonly<Record<string, unknown>>;
  readonly details: {
    readonly bound_by: string;
    readonly pieces: number;
    readonly payload_factor: number;
    readonly payload_factor_measured: number;
    readonly nodes_cpu_s: number;
    readonly received_ratios: RunResult["received_ratios"];
    readonly nodes: RunResult["nodes"];
    readonly runs: readonly RunResult[];
  };
}

/** Puts a report together. */
export function benchReport(
  options: FleetBenchOptions,
  outcome: FleetBenchOutcome,
  surroundings: BenchSurroundings,
): BenchReport {
  const { nodes_cpu_s, received_ratios, nodes, ...figures } = medianRun(outcome);
  return {
    ...figures,
    direct_last_s: outcome.directSeconds === undefined ? null : rounded(outcome.directSeconds),
    ...surroundings,
    options: { ...options },
    details: {
      bound_by: outcome.frame.bound.name,
      pieces: outcome.frame.pieceCount,
      payload_factor: rounded(PAYLOAD_FACTOR),
      payload_factor_measured: rounded(outcome.measuredPayloadFactor),
      nodes_cpu_s,
      received_ratios,
      nodes,
      runs: outcome.runs,
    },
  };
}

/** The run whose ratio is the median of all. */
function medianRun(outcome: FleetBenchOutcome): RunResult {
  return medianBy(outcome.runs, ({ ratio }) => ratio);
}
