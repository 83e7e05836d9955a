import { monitorEventLoopDelay } from "node:perf_hooks";

import type { SwarmAnswer } from "./busy-swarm.ts";
import { BusySwarm } from "./busy-swarm.ts";
import type { CrowdAnswer } from "./join-crowd.ts";
import { joinAsCrowd } from "./join-crowd.ts";
import { LoadNode } from "./load-node.ts";
import { SeedClient } from "./seed-client.ts";
import type { LoadTask } from "./simulated-task.ts";

/*
 * A process that is many nodes. It is asked by messages, one at a time, and answers each.
 */

/** What it is asked. */
export type SocketRequest =
  | {
      readonly kind: "connect";
      readonly authority: string;
      readonly seed: number;
      readonly zoneCount: number;
      /** How many nodes shall be connected, those that are included. */
      readonly count: number;
    }
  | {
      readonly kind: "join";
      readonly task: LoadTask;
      readonly perSecond: number;
      readonly count: number;
    }
  | {
      readonly kind: "start";
      readonly tasks: readonly LoadTask[];
      readonly peerCount: number;
      readonly fillMs: number;
    }
  | { readonly kind: "watch" }
  | { readonly kind: "stop" };

/** What the driver itself needed since it was asked the last time: when that is much, it measures itself. */
export interface DriverUse {
  readonly cpuFraction: number;
  /** Of the event loop, beyond the 10 ms of the timer that measures it. */
  readonly loopDelayMsP99: number;
  readonly frames: number;
  readonly seconds: number;
}

/** How it answers. */
export interface SocketAnswer {
  /** Why it could not do what it was asked; what else is there says nothing then. */
  readonly error: string | undefined;
  readonly connected: number;
  /** Connections that ended unasked so far. */
  readonly lost: number;
  readonly use: DriverUse;
  readonly crowd?: CrowdAnswer;
  readonly swarm?: SwarmAnswer;
}

/** Connections that are being made at the same time. */
const DIALS = 64;
const LOOP_TIMER_MS = 10;

const nodes: LoadNode[] = [];
let lost = 0;
let seed: SeedClient | undefined;
let swarm: BusySwarm | undefined;
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
loopDelay.enable();
let before = { atMs: performance.now(), cpu: process.cpuUsage(), frames: 0 };

process.on("message", (request: SocketRequest) => void answer(request));
process.once("disconnect", () => {
  for (const node of nodes) node.close();
  void swarm?.stop();
  void seed?.[Symbol.asyncDispose]();
});
// The process that asks is told to end by the same signal, and ends this one.
process.on("SIGINT", () => {});

async function answer(request: SocketRequest): Promise<void> {
  let done: Pick<SocketAnswer, "crowd" | "swarm"> = {};
  let error: string | undefined;
  try {
    done = await act(request);
  } catch (failure) {
    error = (failure as Error).message;
  }
  const said: SocketAnswer = {
    error,
    connected: nodes.length - lost,
    lost,
    use: takeUse(),
    ...done,
  };
  if (process.connected) process.send!(said);
}

async function act(request: SocketRequest): Promise<Pick<SocketAnswer, "crowd" | "swarm">> {
  switch (request.kind) {
    case "connect":
      await connectUpTo(request);
      return {};
    case "join": {
      const crowd = nodes.slice(0, request.count);
      return { crowd: await joinAsCrowd(crowd, request.task, request.perSecond, seed!) };
    }
    case "start":
      swarm = new BusySwarm(seed!, request.fillMs);
      await swarm.start(nodes.slice(0, request.peerCount), request.tasks);
      return {};
    case "watch":
      return {};
    case "stop": {
      const stopped = swarm;
      swarm = undefined;
      return stopped === undefined ? {} : { swarm: await stopped.stop() };
    }
    default:
      return request satisfies never;
  }
}

async function connectUpTo(request: Extract<SocketRequest, { kind: "connect" }>): Promise<void> {
  const { authority, count } = request;
  seed ??= new SeedClient(authority);
  let next = nodes.length;
  const dial = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      nodes[index] = await LoadNode.connect(index, request, () => (lost += 1));
    }
  };
  await Promise.all(Array.from({ length: DIALS }, dial));
}

function takeUse(): DriverUse {
  const atMs = performance.now();
  const { user, system } = process.cpuUsage(before.cpu);
  const seconds = (atMs - before.atMs) / 1000;
  const frames = nodes.reduce((sum, node) => sum + node.frames, 0);
  const use = {
    cpuFraction: (user + system) / 1e6 / seconds,
    loopDelayMsP99: Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_TIMER_MS),
    frames: frames - before.frames,
    seconds,
  };
  loopDelay.reset();
  before = { atMs, cpu: process.cpuUsage(), frames };
  return use;
}
