import { boundMs, bytesOf, loneRate, piecesWanted } from "./bound.ts";
import type { PeerNode } from "./peer-node.ts";
import { noFaults, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/**
 * What came of a run. Times in seconds from the start, ratios to the bound or to the bytes of all
 * tasks. Figures that a scenario has no use for are 0.
 */
export interface Outcome {
  readonly bound_s: number;
  readonly first_s: number;
  readonly p50_s: number;
  readonly p99_s: number;
  readonly last_s: number;
  readonly ratio: number;
  /** The last of the peers that are neither slow nor stalling nor corrupting. */
  readonly healthy_ratio: number;
  readonly seed_ratio: number;
  readonly origin_bytes_ratio: number;
  readonly origin_requests: number;
  /** The most that came into one zone, and what came into each; 0 and none with a single zone. */
  readonly zone_bytes_ratio: number;
  readonly zone_bytes_ratios: readonly number[];
  readonly supernode_messages_per_piece: number;
  readonly peer_messages_per_piece: number;
  /** What the scheduler's methods took, if it was measured. */
  readonly supernode_cpu_s: number;
  /** How far readers were behind a perfect stream, mean over time and peers. */
  readonly reader_lag_mean_s: number;
  /** Each pull's time as a multiple of the time it would take alone. */
  readonly slowdown_mean: number;
  readonly slowdown_p99: number;
  readonly slowdown_max: number;
  readonly corrupt_pieces: number;
  /** From a corrupter's first piece that arrived until it was out for everyone, the longest. */
  readonly corrupters_out_s: number;
  /** Corrupters of which somebody got a piece and that are not out. */
  readonly corrupters_in: number;
  readonly banned: number;
  /** Invariants broken without harm to the result, where the scenario is not strict. */
  readonly breaches: readonly string[];
  readonly events: number;
}

/** Runs a scenario to its end. Throws SimulationError when an invariant breaks or a peer never ends. */
export function simulate(scenario: Scenario): Outcome {
  const world = new World(scenario);
  world.run();
  return outcomeOf(world);
}

/** How much longer the last healthy peer takes than it does in the same scenario without faults. */
export function disturbedRatio(scenario: Scenario, outcome: Outcome): number {
  const undisturbed = simulate({ ...scenario, faults: noFaults });
  return rounded(outcome.healthy_ratio / undisturbed.healthy_ratio);
}

/** The figures of a world whose run is over. */
export function outcomeOf(world: World): Outcome {
  const { network, scenario, supernode } = world;
  const bound = boundMs(scenario);
  const size = bytesOf(scenario, scenario.tasks.keys());
  const pieces = piecesWanted(scenario);
  const done = world.peers.filter((peer) => peer.isAlive && peer.isDone && peer.runs.length > 0);
  const ends = done.map((peer) => peer.endMs).sort((a, b) => a - b);
  const last = ends.at(-1) ?? 0;
  const zones = world.zoneDown.map((cable) => rounded(network.bytes(cable) / size));
  return {
    bound_s: seconds(bound),
    first_s: seconds(greatest(done.map((peer) => peer.firstMs - peer.joinedMs))),
    p50_s: seconds(quantile(ends, 0.5)),
    p99_s: seconds(quantile(ends, 0.99)),
    last_s: seconds(last),
    ratio: rounded(last / bound),
    healthy_ratio: rounded(greatest(done.filter(isHealthy).map((peer) => peer.endMs)) / bound),
    seed_ratio: rounded(network.bytes(supernode.up) / size),
    origin_bytes_ratio: rounded(network.bytes(world.origin.uplink) / size),
    origin_requests: world.originRequests,
    zone_bytes_ratio: scenario.zones > 1 ? greatest(zones) : 0,
    zone_bytes_ratios: scenario.zones > 1 ? zones : [],
    supernode_messages_per_piece: rounded(supernode.messages / pieces),
    peer_messages_per_piece: rounded(world.peerMessages / pieces),
    supernode_cpu_s: rounded(supernode.cpuMs / 1000),
    ...pullFigures(scenario, done),
    ...corrupterFigures(world),
    banned: supernode.bans.size,
    breaches: world.breaches,
    events: world.events.count,
  };
}

type PullFigures = Pick<
  Outcome,
  "reader_lag_mean_s" | "slowdown_mean" | "slowdown_p99" | "slowdown_max"
>;

function pullFigures(scenario: Scenario, peers: readonly PeerNode[]): PullFigures {
  const bound = boundMs(scenario);
  const lone = loneRate(scenario);
  const slowdowns: number[] = [];
  let lagMs = 0;
  for (const { runs } of peers) {
    for (const run of runs) {
      if (run.lackingBytes === 0) continue;
      slowdowns.push((run.durationMs * lone) / run.lackingBytes);
      const rate = scenario.pulls === undefined ? run.lackingBytes / bound : lone;
      if (scenario.hasReaders) lagMs += run.reader.meanMs(run.endMs, rate);
    }
  }
  slowdowns.sort((a, b) => a - b);
  const count = Math.max(1, slowdowns.length);
  return {
    reader_lag_mean_s: seconds(lagMs / count),
    slowdown_mean: rounded(slowdowns.reduce((sum, value) => sum + value, 0) / count),
    slowdown_p99: rounded(quantile(slowdowns, 0.99)),
    slowdown_max: rounded(slowdowns.at(-1) ?? 0),
  };
}

type CorrupterFigures = Pick<Outcome, "corrupt_pieces" | "corrupters_out_s" | "corrupters_in">;

function corrupterFigures(world: World): CorrupterFigures {
  let pieces = 0;
  let outMs = 0;
  let stillIn = 0;
  for (const { host, corruptReceived, corruptSentMs } of world.peers) {
    pieces += corruptReceived;
    if (corruptSentMs === Infinity) continue;
    const banMs = world.supernode.bans.get(host);
    if (banMs === undefined) stillIn += 1;
    else outMs = Math.max(outMs, banMs + world.scenario.controlMs - corruptSentMs);
  }
  return { corrupt_pieces: pieces, corrupters_out_s: seconds(outMs), corrupters_in: stillIn };
}

function isHealthy({ faults }: PeerNode): boolean {
  return !faults.isSlow && !faults.isStaller && !faults.isCorrupter;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function seconds(ms: number): number {
  return rounded(ms / 1000);
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
