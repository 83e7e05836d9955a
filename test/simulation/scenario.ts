import type { SwarmOptions } from "../../dfget/swarm/swarm.ts";
import type { SchedulerOptions } from "../../supernode/scheduler/scheduler.ts";

/** A task of a scenario. */
export interface ScenarioTask {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
}

/** A host begins to fetch some tasks, as a runtime does that pulls an image. */
export interface Pull {
  readonly atMs: number;
  /** Indices into the scenario's tasks, in the order in which they are begun. */
  readonly tasks: readonly number[];
}

/** Shares are of all peers, from 0 to 1; moments are shares of the bound. */
export interface Faults {
  /** Peers that die, their sockets closing, some time within the bound. */
  readonly deaths: number;
  /** Peers that fall silent, their sockets staying open. */
  readonly silentDeaths: number;
  /** Peers with `slowFactor` of the usual uplink and downlink. */
  readonly slow: number;
  readonly slowFactor: number;
  /** Peers of whose uploads `stallChance` stop half way and never go on. */
  readonly stallers: number;
  readonly stallChance: number;
  /** Peers whose every piece arrives corrupt. */
  readonly corrupters: number;
  /** When the supernode dies and when it is back; Infinity for never. */
  readonly supernodeDies: number;
  readonly supernodeReturns: number;
  /** The chance that a run of pieces read by a peer from the origin fails. */
  readonly originFails: number;
}

/** What is simulated. */
export interface Scenario {
  readonly seed: number;
  readonly peers: number;
  readonly tasks: readonly ScenarioTask[];
  /** What each peer fetches and when, by host; if not given, everyone all tasks from its arrival on. */
  readonly pulls: readonly (readonly Pull[])[] | undefined;
  /** Tasks that a peer fetches at the same time. */
  readonly concurrency: number;
  readonly mbit: number;
  readonly seedMbit: number;
  readonly originMbit: number;
  readonly zones: number;
  /** The link of each zone to the rest, each way. */
  readonly zoneMbit: number;
  readonly latencyMs: number;
  readonly farLatencyMs: number;
  readonly controlMs: number;
  readonly requestMs: number;
  readonly verifyMsPerMib: number;
  /** How long two neighbours need to connect, beside a round trip. */
  readonly connectMs: number;
  /** What a message waits at most behind the data on a link, at each end; less on a link less full. */
  readonly queueMs: number;
  /** What a host's only processor is busy with each piece that it sends or gets. */
  readonly pieceMs: number;
  /** Servers send pieces one after the other at full speed. */
  readonly isPaced: boolean;
  /** Peers arrive evenly at random over this time. */
  readonly staggerMs: number;
  /** A reader on every peer takes the pieces in order. */
  readonly hasReaders: boolean;
  readonly faults: Faults;
  /** Give up after this much virtual time. */
  readonly limitMs: number;
  /** Ends the run at the first breach. Else those that harm nobody for long are counted. */
  readonly isStrict: boolean;
  /** The time spent in the scheduler is measured. Then outcomes differ from run to run. */
  readonly measuresCpu: boolean;
  readonly swarm: Partial<SwarmOptions>;
  readonly scheduler: Partial<SchedulerOptions>;
}

export const MIB = 1024 * 1024;

export const noFaults: Faults = {
  deaths: 0,
  silentDeaths: 0,
  slow: 0,
  slowFactor: 0.2,
  stallers: 0,
  stallChance: 0.2,
  corrupters: 0,
  supernodeDies: Infinity,
  supernodeReturns: Infinity,
  originFails: 0,
};

export const defaultScenario: Scenario = {
  seed: 1,
  peers: 100,
  tasks: [{ sizeBytes: 256 * MIB, pieceBytes: MIB }],
  pulls: undefined,
  concurrency: 3,
  mbit: 1000,
  seedMbit: 1000,
  originMbit: 100_000,
  zones: 1,
  zoneMbit: Infinity,
  latencyMs: 0.25,
  farLatencyMs: 0.5,
  controlMs: 1,
  requestMs: 0.1,
  verifyMsPerMib: 0.5,
  connectMs: 0,
  queueMs: 0,
  pieceMs: 0,
  isPaced: true,
  staggerMs: 0,
  hasReaders: false,
  faults: noFaults,
  limitMs: 600_000,
  isStrict: true,
  measuresCpu: false,
  swarm: {},
  scheduler: {},
};

/** Megabits per second as bytes per millisecond. */
export function bytesPerMs(mbit: number): number {
  return mbit * 125;
}

/** How many pieces a task has. */
export function pieceCount(task: ScenarioTask): number {
  return Math.ceil(task.sizeBytes / task.pieceBytes);
}

/** The length of one piece of a task. */
export function pieceBytes(task: ScenarioTask, piece: number): number {
  return Math.min(task.pieceBytes, task.sizeBytes - piece * task.pieceBytes);
}
