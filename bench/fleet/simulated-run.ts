import { choosePieceLength } from "../../protocol/piece-table.ts";
import { simulate } from "../../test/simulation/outcome.ts";
import { defaultScenario } from "../../test/simulation/scenario.ts";
import type { Scenario } from "../../test/simulation/scenario.ts";
import { SimulationError } from "../../test/simulation/simulation-error.ts";
import { pieceTotal } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { rounded } from "./bench-result.ts";
import type { RunFrame, RunResult } from "./bench-result.ts";
import { PAYLOAD_FACTOR } from "./payload-rate.ts";

/** Pieces of all nodes together that are simulated within some seconds. */
const SIMULATED_PIECES_MAX = 200_000;
const GIVEN_UP_MS = 3_600_000;

/** What the simulator makes of a run that was measured. */
export interface SimulatedRun {
  readonly last_s: number;
  readonly ratio: number;
  /** How much longer the measured run took, as a share of the simulated one; negative if shorter. */
  readonly deviation: number;
  readonly messages_per_piece: number;
  /** What a node's share of the processors was busy with each piece that it sent or got. */
  readonly piece_ms: number;
}

/**
 * Simulates a measured run with the same links, queues, arrivals and processors. Undefined where the
 * simulator has no such run: nodes were killed, or there is more than it does in some seconds.
 */
export function simulatedRun(
  options: FleetBenchOptions,
  measured: RunResult,
  around: {
    readonly frame: RunFrame;
    readonly arrivalsMs: readonly number[];
    readonly coreCount: number;
  },
): SimulatedRun | undefined {
  const isTooLarge = pieceTotal(options) * options.nodeCount > SIMULATED_PIECES_MAX;
  if (options.kills.length > 0 || options.reads !== undefined || isTooLarge) return undefined;
  const pieceMs = busyMsPerPiece(options, measured, around.coreCount);
  try {
    const outcome = simulate(scenarioOf(options, around.arrivalsMs, pieceMs));
    return {
      last_s: rounded(outcome.last_s),
      ratio: rounded(outcome.last_s / around.frame.bound.seconds),
      deviation: rounded(measured.last_s / outcome.last_s - 1),
      messages_per_piece: outcome.supernode_messages_per_piece,
      piece_ms: rounded(pieceMs),
    };
  } catch (error) {
    if (error instanceof SimulationError) return undefined;
    throw error;
  }
}

/** The nodes' CPU seconds for each piece that they sent or got, longer where they share processors. */
function busyMsPerPiece(
  options: FleetBenchOptions,
  { nodes_cpu_s: cpuSeconds }: RunResult,
  coreCount: number,
): number {
  const transfers = 2 * pieceTotal(options) * options.nodeCount;
  return ((1000 * cpuSeconds) / transfers) * Math.max(1, options.nodeCount / coreCount);
}

function scenarioOf(
  options: FleetBenchOptions,
  arrivalsMs: readonly number[],
  pieceMs: number,
): Scenario {
  const tasks = options.fileLengthsBytes.map((sizeBytes) => ({
    sizeBytes,
    pieceBytes: options.pieceLengthBytes ?? choosePieceLength(sizeBytes),
  }));
  return {
    ...defaultScenario,
    seed: options.seed,
    peers: options.nodeCount,
    tasks,
    pulls: arrivalsMs.map((atMs) => [{ atMs, tasks: [...tasks.keys()] }]),
    concurrency: Math.min(options.filesAtOnce, tasks.length),
    mbit: options.nodeMbit * PAYLOAD_FACTOR,
    seedMbit: options.seedMbit * PAYLOAD_FACTOR,
    originMbit: options.originMbit * PAYLOAD_FACTOR,
    zones: options.zoneCount,
    zoneMbit: (options.zoneMbit ?? Infinity) * PAYLOAD_FACTOR,
    queueMs: options.queueMs,
    pieceMs,
    isStrict: false,
    limitMs: GIVEN_UP_MS,
  };
}
