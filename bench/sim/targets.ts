import { imageScenario } from "../../test/simulation/image-workload.ts";
import { defaultScenario, MIB, noFaults, type Scenario } from "../../test/simulation/scenario.ts";

/** A figure that a scenario shall reach. */
export interface Target {
  /** Its name in the outcome, or one of those that the suite adds. */
  readonly figure: string;
  /** At most; undefined for a figure that is only shown. */
  readonly most: number | undefined;
}

/** A scenario of the suite, and what is expected of it. */
export interface SuiteCase {
  readonly name: string;
  readonly scenario: Scenario;
  readonly targets: readonly Target[];
  /** It is run without faults as well, for `disturbed_ratio`. */
  readonly isCompared?: boolean;
}

const GIB = 1024 * MIB;

/** Peers of a scale that the scheduler itself is measured with, and what that may cost. */
export const scalePeers = 50_000;
export const scaleTargets: readonly Target[] = [
  { figure: "join_us", most: 5 },
  { figure: "bytes_per_peer", most: 200 },
];

/** The scenarios with their targets; the quick ones are smaller and leave the largest out. */
export function suiteCases(isQuick: boolean): SuiteCase[] {
  return [
    ...coldBursts(isQuick),
    ...smallTasks(),
    ...oversubscribedZones(isQuick),
    ...faults(isQuick),
    readers(),
    images(isQuick),
  ];
}

function coldBursts(isQuick: boolean): SuiteCase[] {
  return (isQuick ? [100, 300] : [100, 1000, 10_000]).map((peers) => ({
    name: `1 GiB to ${peers} peers`,
    scenario: { ...defaultScenario, peers, tasks: task(GIB, MIB) },
    targets: [
      { figure: "ratio", most: 1.1 },
      { figure: "seed_ratio", most: 1.05 },
      { figure: "supernode_messages_per_piece", most: 0.05 },
    ],
  }));
}

function smallTasks(): SuiteCase[] {
  return [
    { sizeMib: 50, most: 1.3 },
    { sizeMib: 5, most: 2.5 },
  ].map(({ most, sizeMib }) => ({
    name: `${sizeMib} MiB to 1000 peers`,
    scenario: { ...defaultScenario, peers: 1000, tasks: task(sizeMib * MIB, MIB / 4) },
    targets: [{ figure: "ratio", most }],
  }));
}

function oversubscribedZones(isQuick: boolean): SuiteCase[] {
  const zones = 10;
  const peers = isQuick ? 200 : 1000;
  const size = isQuick ? GIB / 2 : GIB;
  return [4, 8].map((factor) => ({
    name: `${size / MIB} MiB to 10 zones of ${peers / zones}, uplinks ${factor} x oversubscribed`,
    scenario: {
      ...defaultScenario,
      peers,
      zones,
      tasks: task(size, MIB),
      zoneMbit: ((peers / zones) * defaultScenario.mbit) / factor,
    },
    targets: [
      { figure: "ratio", most: 1.15 },
      { figure: "zone_bytes_ratio", most: 1.1 },
    ],
  }));
}

function faults(isQuick: boolean): SuiteCase[] {
  const peers = isQuick ? 100 : 500;
  const base = { ...defaultScenario, peers, tasks: task(GIB, MIB) };
  const failing = { ...noFaults, slow: 0.1, slowFactor: 0.2, deaths: 0.05, corrupters: 0.02 };
  const atOnce = { ...base, peers: 100, originMbit: 1000 };
  return [
    {
      name: `1 GiB to ${peers} peers: 10 % slow, 5 % die, 2 % corrupt every piece`,
      scenario: { ...base, faults: failing },
      isCompared: true,
      targets: [
        { figure: "disturbed_ratio", most: 1.2 },
        { figure: "corrupters_out_s", most: 5 },
        { figure: "corrupters_in", most: 0 },
        { figure: "corrupt_pieces", most: undefined },
      ],
    },
    {
      name: "1 GiB to 100 peers: the supernode dies at 30 % and is back at 60 %",
      scenario: { ...atOnce, faults: { ...noFaults, supernodeDies: 0.3, supernodeReturns: 0.6 } },
      targets: [
        { figure: "origin_bytes_ratio", most: 1.05 },
        { figure: "ratio", most: undefined },
      ],
    },
    {
      name: "1 GiB to 100 peers: the supernode dies at 30 % for good",
      scenario: { ...atOnce, faults: { ...noFaults, supernodeDies: 0.3 } },
      targets: [
        { figure: "origin_bytes_ratio", most: 1.5 },
        { figure: "ratio", most: undefined },
      ],
    },
  ];
}

function readers(): SuiteCase {
  return {
    name: "1 GiB to 100 peers, read in order on every one",
    scenario: { ...defaultScenario, tasks: task(GIB, MIB), hasReaders: true },
    targets: [
      { figure: "ratio", most: 1.15 },
      { figure: "reader_lag_mean_s", most: undefined },
    ],
  };
}

function images(isQuick: boolean): SuiteCase {
  const hosts = isQuick ? 200 : 1000;
  return {
    name: `100 images of 5 to 10 layers, pulled by ${hosts} hosts within two minutes`,
    scenario: imageScenario({
      seed: 1,
      images: 100,
      hosts,
      spreadMs: 120_000,
      pullsMax: 2,
      layerBytes: 8 * MIB,
    }),
    targets: [
      { figure: "breaches", most: 0 },
      { figure: "slowdown_p99", most: undefined },
      { figure: "slowdown_mean", most: undefined },
    ],
  };
}

function task(sizeBytes: number, pieceBytes: number): Scenario["tasks"] {
  return [{ sizeBytes, pieceBytes }];
}
