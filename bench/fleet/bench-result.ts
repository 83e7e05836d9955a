import type { BoundTerm } from "./bound.ts";
import type { FleetFigures, NodeFigures } from "./fleet-figures.ts";
import type { NodeOutcome } from "./fleet-downloads.ts";
import { PAYLOAD_FACTOR } from "./payload-rate.ts";
import { percentile, sum } from "./statistics.ts";

/** What one run measured, before anything is computed of it. */
export interface RunRecord {
  readonly outcomes: readonly NodeOutcome[];
  readonly before: FleetFigures;
  readonly after: FleetFigures;
  /** GET requests that reached the origin, and bytes of bodies that it sent. */
  readonly originRequests: number;
  readonly originSentBytes: number;
}

/** What is the same in all runs. */
export interface RunFrame {
  readonly bound: BoundTerm;
  /** F: the bytes that each node wants. */
  readonly wantedBytes: number;
  readonly pieceCount: number;
}

/**
 * The figures of a run, named as in the other benches. Times are seconds; `null` stands for what could not be
 * read, because the process was killed or does not count it.
 */
export interface RunResult {
  readonly bound_s: number;
  /** From the first node's beginning until the last node has everything. */
  readonly last_s: number;
  /** Of the nodes' own times, each from its own beginning. */
  readonly p50_s: number;
  readonly p99_s: number;
  /** The slowest node's own time to its first byte, and to half of all its bytes. */
  readonly first_byte_s: number;
  readonly half_s: number;
  readonly ratio: number;
  readonly seed_ratio: number | null;
  readonly origin_bytes_ratio: number;
  readonly origin_requests: number;
  /** Frames between nodes and supernode, both ways, for each piece and node. */
  readonly supernode_messages_per_piece: number | null;
  readonly supernode_cpu_s: number | null;
  /**
   * The most that came into one zone, in relation to F; 0 with one zone. Headers are taken off as of full packets: where the
   * kernel counts longer ones before it cuts them, it is up to a twentieth too low.
   */
  readonly cross_zone_ratio: number;
  readonly nodes_cpu_s: number;
  /** Frames between nodes and supernode, both ways, by kind. */
  readonly supernode_frames: Readonly<Record<string, number>> | null;
  /** Of all nodes together, in relation to F. */
  readonly received_ratios: Readonly<Record<"seed" | "peer" | "origin", number>>;
  /** Where ranges were read: how long a read took, over all nodes. */
  readonly reads: ReadResult | null;
  readonly nodes: readonly NodeResult[];
}

/** How long reads took. */
export interface ReadResult {
  readonly count: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

/** One node's own times in seconds; without any when it was killed on purpose. */
export interface NodeResult {
  readonly arrival_s: number;
  readonly first_byte_s: number | null;
  readonly half_s: number | null;
  readonly last_s: number | null;
  /** Of each read in the order in which they ended, where ranges were read. */
  readonly read_ms?: readonly number[];
}

/** Computes the figures of a run. */
export function runResult(record: RunRecord, frame: RunFrame): RunResult {
  const { outcomes, before, after } = record;
  const { wantedBytes, pieceCount, bound } = frame;
  const done = outcomes.flatMap(({ arrivalMs, times }) =>
    times === undefined ? [] : [{ arrivalMs, ...times }],
  );
  const ownTimes = done.map(({ lastMs }) => lastMs / 1000);
  const last = Math.max(...done.map(({ arrivalMs, lastMs }) => (arrivalMs + lastMs) / 1000));
  const received = (source: "seed" | "peer" | "origin"): number =>
    sumOfGrowth(before, after, (node) => node.received[source]) / wantedBytes;
  const atStart = before.supernode;
  const atEnd = after.supernode;
  const frames = atStart && atEnd && growthOf(atStart.frames, atEnd.frames);
  const zoneIn = after.zoneInBytes.map((bytes, zone) => bytes - (before.zoneInBytes[zone] ?? 0));
  return {
    bound_s: rounded(bound.seconds),
    last_s: rounded(last),
    p50_s: rounded(percentile(ownTimes, 0.5)),
    p99_s: rounded(percentile(ownTimes, 0.99)),
    first_byte_s: rounded(Math.max(...done.map(({ firstByteMs }) => firstByteMs)) / 1000),
    half_s: rounded(Math.max(...done.map(({ halfMs }) => halfMs)) / 1000),
    ratio: rounded(last / bound.seconds),
    seed_ratio:
      atStart === undefined || atEnd === undefined
        ? null
        : rounded((atEnd.seedSentBytes - atStart.seedSentBytes) / wantedBytes),
    origin_bytes_ratio: rounded(record.originSentBytes / wantedBytes),
    origin_requests: record.originRequests,
    supernode_messages_per_piece:
      frames === undefined
        ? null
        : rounded(sum(Object.values(frames)) / (pieceCount * outcomes.length)),
    supernode_cpu_s:
      atStart === undefined || atEnd === undefined
        ? null
        : rounded(atEnd.cpuSeconds - atStart.cpuSeconds),
    cross_zone_ratio: rounded((Math.max(0, ...zoneIn) * PAYLOAD_FACTOR) / wantedBytes),
    nodes_cpu_s: rounded(sumOfGrowth(before, after, (node) => node.cpuSeconds)),
    supernode_frames: frames ?? null,
    received_ratios: {
      seed: rounded(received("seed")),
      peer: rounded(received("peer")),
      origin: rounded(received("origin")),
    },
    reads: readResult(outcomes.flatMap(({ readSeconds = [] }) => readSeconds)),
    nodes: outcomes.map(({ arrivalMs, times, readSeconds }) => ({
      arrival_s: rounded(arrivalMs / 1000),
      first_byte_s: times === undefined ? null : rounded(times.firstByteMs / 1000),
      half_s: times === undefined ? null : rounded(times.halfMs / 1000),
      last_s: times === undefined ? null : rounded(times.lastMs / 1000),
      ...(readSeconds === undefined ? {} : { read_ms: readSeconds.map(milliseconds) }),
    })),
  };
}

/** What counts by name have grown by; those that have not are left out. */
function growthOf(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const growth = Object.entries(after).map(
    ([name, count]) => [name, count - (before[name] ?? 0)] as const,
  );
  return Object.fromEntries(growth.filter(([, count]) => count !== 0));
}

/** Sums reads up; null when there are none. */
export function readResult(seconds: readonly number[]): ReadResult | null {
  if (seconds.length === 0) return null;
  return {
    count: seconds.length,
    p50_ms: milliseconds(percentile(seconds, 0.5)),
    p99_ms: milliseconds(percentile(seconds, 0.99)),
    max_ms: milliseconds(Math.max(...seconds)),
  };
}

/** Seconds as milliseconds, to two digits behind the point. */
export function milliseconds(seconds: number): number {
  return Math.round(seconds * 100_000) / 100;
}

/** What a figure of the nodes has grown by, over all nodes that still run. */
function sumOfGrowth(
  before: FleetFigures,
  after: FleetFigures,
  figure: (node: NodeFigures) => number,
): number {
  return sum(
    after.nodes.map((node, index) => {
      const earlier = before.nodes[index];
      return node === undefined || earlier === undefined ? 0 : figure(node) - figure(earlier);
    }),
  );
}

/** To four digits behind the point, so that JSON stays readable. */
export function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
