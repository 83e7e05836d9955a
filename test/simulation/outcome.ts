import { boundMs, pieceCount, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/** What came of a run. Times in seconds from the start, ratios to the bound or to the bytes of all tasks. */
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
  /** The most that came into one zone; 0 with a single zone. */
  readonly zone_bytes_ratio: number;
  readonly supernode_messages_per_piece: number;
  readonly peer_messages_per_piece: number;
  readonly corrupt_pieces: number;
  readonly banned: number;
  readonly events: number;
}

/** Runs a scenario to its end. Throws SimulationError when an invariant breaks or a peer never ends. */
export function simulate(scenario: Scenario): Outcome {
  const world = new World(scenario);
  world.run();
  return outcomeOf(world);
}

/** The figures of a world whose run is over. */
export function outcomeOf(world: World): Outcome {
  const { scenario } = world;
  const bound = boundMs(scenario);
  let size = 0;
  let pieces = 0;
  for (const task of scenario.tasks) {
    size += task.sizeBytes;
    pieces += pieceCount(task);
  }
  const done = world.peers.filter((peer) => peer.isAlive && peer.isDone);
  const ends = done.map((peer) => Math.max(...peer.doneMs.values())).sort((a, b) => a - b);
  const healthy = done.filter(
    ({ faults }) => !faults.isSlow && !faults.isStaller && !faults.isCorrupter,
  );
  const healthyEnds = healthy.map((peer) => Math.max(...peer.doneMs.values()));
  const last = ends.at(-1) ?? 0;
  const zoneBytes = Math.max(...world.zoneDown.map((cable) => world.network.bytes(cable)));
  let corrupt = 0;
  for (const peer of world.peers) corrupt += peer.corruptReceived;
  return {
    bound_s: seconds(bound),
    first_s: seconds(Math.max(0, ...done.map((peer) => peer.firstMs - peer.joinedMs))),
    p50_s: seconds(quantile(ends, 0.5)),
    p99_s: seconds(quantile(ends, 0.99)),
    last_s: seconds(last),
    ratio: rounded(last / bound),
    healthy_ratio: rounded(Math.max(0, ...healthyEnds) / bound),
    seed_ratio: rounded(world.network.bytes(world.supernode.up) / size),
    origin_bytes_ratio: rounded(world.network.bytes(world.origin.uplink) / size),
    zone_bytes_ratio: scenario.zones > 1 ? rounded(zoneBytes / size) : 0,
    supernode_messages_per_piece: rounded(world.supernode.messages / (pieces * scenario.peers)),
    peer_messages_per_piece: rounded(world.peerMessages / (pieces * scenario.peers)),
    corrupt_pieces: corrupt,
    banned: world.supernode.bans.size,
    events: world.events.count,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function seconds(ms: number): number {
  return rounded(ms / 1000);
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
