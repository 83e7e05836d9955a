import type { BenchReport } from "../fleet/bench-report.ts";
import { FLEET_PROFILES } from "../fleet/profiles.ts";
import type { KeptResults, LoadKept, TransferKept } from "./kept-results.ts";

const MACHINE = {
  processor: "A Processor",
  cores: 2,
  architecture: "x64",
  memory_bytes: 8e9,
  kernel: "6.1",
  load_average_before: 0.4,
  load_average_after: 2,
};

/** A result of the fleet bench as it might be. Times grow with the hosts where all share the registry's line. */
export function fleetSample(changes: {
  readonly profile?: string;
  readonly nodeCount?: number;
  readonly commit?: string;
  readonly lastSeconds?: number;
}): BenchReport {
  const { profile = "burst", nodeCount = 8, commit = "a".repeat(40), lastSeconds = 5.2 } = changes;
  const reads = profile === "lazy" ? { count: 8, p50_ms: 12.5, p99_ms: 480, max_ms: 612 } : null;
  const own = (index: number, last: number) => ({
    arrival_s: 0,
    first_byte_s: 0.2,
    half_s: last / 2,
    last_s: last * (1 - index / 40),
    ...(reads === null ? {} : { read_ms: [12, 15, 30 + index, 480] }),
  });
  const nodes = Array.from({ length: nodeCount }, (_, index) => own(index, lastSeconds));
  const figures = {
    bound_s: 3.51,
    last_s: lastSeconds,
    p50_s: lastSeconds,
    p99_s: lastSeconds,
    first_byte_s: 0.2,
    half_s: lastSeconds / 2,
    ratio: lastSeconds / 3.51,
    seed_ratio: 1.02,
    origin_bytes_ratio: 1,
    origin_requests: 3,
    supernode_messages_per_piece: 0.3,
    supernode_cpu_s: 0.8,
    cross_zone_ratio: 0,
    reads,
  };
  const costs = {
    nodes_cpu_s: 6,
    supernode_frames: {},
    received_ratios: { seed: 1.02, peer: nodeCount - 1.02, origin: 0 },
    nodes,
  };
  const direct = 3.51 * nodeCount;
  return {
    profile,
    ...figures,
    direct_last_s: direct,
    against: [
      {
        name: "direct",
        last_s: direct,
        origin_requests: 3 * nodeCount,
        origin_bytes_ratio: nodeCount,
        reads,
        versions: {},
        configuration: {},
        nodes: nodes.map((_, index) => own(index, direct)),
      },
    ],
    simulated: null,
    bench: "fleet",
    measured_at: "2026-11-25T08:00:00.000Z",
    options: { nodeCount, nodeMbit: 80 },
    seed: 1,
    machine: MACHINE,
    commit,
    versions: { node: "v26.10.0" },
    details: {
      bound_by: "origin",
      wanted_bytes: 33_554_432,
      pieces: 128,
      payload_factor: 0.956,
      payload_factor_measured: 0.956,
      ...costs,
    },
    samples: { runs: [{ ...figures, ...costs }] },
  };
}

const DRIVER = { driver_cpu_fraction: 0.4, driver_loop_delay_p99_ms: 3 };

function use(cpu_fraction: number, rss_mb: number) {
  return { cpu_fraction, rss_mb, loop_delay_p99_ms: 2 };
}

function idleSample(nodes: number) {
  return {
    ...use((0.17 * nodes) / 10_000, 90 + nodes * 0.0222),
    nodes,
    kb_per_node: 22.2,
    cpu_s: 1,
    connects_per_s: 3000,
  };
}

function joinSample(per_s: number) {
  const p99_ms = 12 + (per_s / 300) ** 2;
  const latencies = { p50_ms: 3, p99_ms, p999_ms: 2 * p99_ms, max_ms: 3 * p99_ms };
  return { ...use(0.4, 200), ...DRIVER, ...latencies, per_s, joins: 9000, unanswered: 0, cpu_s: 2 };
}

/** A result of the load bench as it might be. */
export function loadSample(): LoadKept["result"] {
  return {
    bench: "load",
    measured_at: "2026-11-25T09:00:00.000Z",
    options: {},
    seed: null,
    machine: MACHINE,
    commit: "a".repeat(40),
    versions: { node: "v26.10.0" },
    samples: {},
    idle: idleSample(10_000),
    idle_steps: [100, 1000, 10_000].map(idleSample),
    joins: joinSample(2600),
    ramp: {
      knee_per_s: 3375,
      knee_p99_ms: 64,
      beyond_per_s: 5062,
      beyond_p99_ms: 311,
      limit_ms: 100,
      steps: [1000, 2250, 3375, 5062].map(joinSample),
    },
    active: {
      ...use(0.31, 240),
      ...DRIVER,
      peers: 1000,
      tasks: 10,
      cpu_s: 6.2,
      frames_per_s: 4100,
      downloads_per_s: 100,
      stalled: 0,
    },
    proxy: {
      manifest_rps: 9100,
      manifest_p99_ms: 12,
      blob_rps: 8700,
      blob_p99_ms: 13,
      range_mb_per_s: 1300,
    },
    routes: [],
  };
}

/** A result of the transfer bench as it might be. */
export function transferSample(): TransferKept["result"] {
  const row = (name: "darter>darter" | "nginx>curl", rate: number) => ({
    name,
    mb_per_s: rate,
    server_cpu_s_per_gb: 0.7,
    client_cpu_s_per_gb: 1.6,
    peak_rss_mb: 278,
    loop_delay_p99_ms: null,
    server_cpu_s_per_gb_by_process: null,
    mb_per_s_of_rounds: [rate - 50, rate, rate + 80],
  });
  return {
    rows: [row("darter>darter", 731), row("nginx>curl", 1643)],
    streaming: [],
    options: {
      lengthBytes: 1024 ** 3,
      pieceLengthBytes: 1024 ** 2,
      rounds: 3,
      rows: ["darter>darter", "nginx>curl"],
      seed: 1,
      isStreamed: false,
    },
    machine: MACHINE,
    commit: "a".repeat(40),
    versions: {},
  };
}

/** Every profile, four numbers of hosts, three commits, and the other benches. */
export function everyKind(): KeptResults {
  const commits = ["1", "2", "a"].map((digit) => digit.repeat(40));
  const profiles = commits.flatMap((commit, age) =>
    FLEET_PROFILES.map(({ name }, index) =>
      fleetSample({ profile: name, commit, lastSeconds: 4 + index / 3 + (2 - age) }),
    ),
  );
  const sizes = [2, 4, 16].map((nodeCount) =>
    fleetSample({ nodeCount, lastSeconds: 4 + nodeCount / 8 }),
  );
  return {
    fleet: [...profiles, ...sizes].map((result, index) => ({ file: `${index}.json`, result })),
    load: [{ file: "load.json", result: loadSample() }],
    transfer: [{ file: "transfer.json", result: transferSample() }],
  };
}
