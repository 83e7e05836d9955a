import type { BenchFrame } from "../frame/bench-result.ts";
import type { BenchPlan } from "./bench-plan.ts";
import { rounded } from "./bench-result.ts";
import { contenderResult } from "./contender.ts";
import type { ContenderResult } from "./contender.ts";
import type { RunResult } from "./bench-result.ts";
import type { FleetBenchOutcome } from "./fleet-bench.ts";
import type { SimulatedRun } from "./simulated-run.ts";
import { PAYLOAD_FACTOR } from "./payload-rate.ts";

/** What `--json` prints: the figures of the median run, what they stand beside, and all runs. */
export interface BenchReport
  extends
    Omit<RunResult, "nodes_cpu_s" | "supernode_frames" | "received_ratios" | "nodes">,
    BenchFrame {
  /** The profile that it was measured with; null for options of the user's own. */
  readonly profile: string | null;
  readonly direct_last_s: number | null;
  /** The other ways that were measured in the same place, the direct pull among them. */
  readonly against: readonly ContenderResult[];
  /** What the simulator makes of the same run; null when it was not simulated. */
  readonly simulated: SimulatedRun | null;
  readonly details: {
    readonly bound_by: string;
    /** What each host wants and does not hold. */
    readonly wanted_bytes: number;
    readonly pieces: number;
    readonly payload_factor: number;
    readonly payload_factor_measured: number;
    readonly nodes_cpu_s: number;
    readonly supernode_frames: RunResult["supernode_frames"];
    readonly received_ratios: RunResult["received_ratios"];
    readonly nodes: RunResult["nodes"];
  };
  readonly samples: { readonly runs: readonly RunResult[] };
}

/** Where, when and with what it was measured. */
export type BenchSurroundings = Pick<BenchFrame, "measured_at" | "machine" | "commit" | "versions">;

/** Puts a report together. */
export function benchReport(
  { profile, options }: BenchPlan,
  outcome: FleetBenchOutcome,
  surroundings: BenchSurroundings,
): BenchReport {
  const { nodes_cpu_s, supernode_frames, received_ratios, nodes, ...figures } = outcome.median;
  const { wantedBytes } = outcome.frame;
  const against = outcome.contenders.map((contender) => contenderResult(contender, wantedBytes));
  return {
    profile: profile?.name ?? null,
    ...figures,
    direct_last_s: against.find(({ name }) => name === "direct")?.last_s ?? null,
    against,
    simulated: outcome.simulated ?? null,
    bench: "fleet",
    ...surroundings,
    options: { ...options },
    seed: options.seed,
    details: {
      bound_by: outcome.frame.bound.name,
      wanted_bytes: wantedBytes,
      pieces: outcome.frame.pieceCount,
      payload_factor: rounded(PAYLOAD_FACTOR),
      payload_factor_measured: rounded(outcome.measuredPayloadFactor),
      nodes_cpu_s,
      supernode_frames,
      received_ratios,
      nodes,
    },
    samples: { runs: outcome.runs },
  };
}
