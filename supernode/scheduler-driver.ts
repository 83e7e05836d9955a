import { RecentMap } from "../platform/recent-map.ts";
import type { Clock, Random } from "../platform/clock.ts";
import type { Bitmap } from "../protocol/bitmap.ts";
import type { SupernodeFrame } from "../protocol/node-frames.ts";
import type { ConnectedNode } from "./connected-node.ts";
import type { Host, SchedulerOptions, SchedulerOut, Task } from "./scheduler/scheduler.ts";
import { Scheduler } from "./scheduler/scheduler.ts";

/** Nodes whose bans outlive their connections; with more, those that were put out longest ago are forgotten. */
export const BANS_MAX = 4096;

/** The nodes and tasks behind the scheduler's numbers. */
export interface SchedulerWorld {
  node(host: Host): ConnectedNode | undefined;
  nodes(): Iterable<ConnectedNode>;
  /** The number by which a node knows a task; undefined when it is no member. */
  taskNumber(host: Host, task: Task): number | undefined;
}

/** Runs the pure scheduler in real time: gives it the clock and turns its decisions into frames. */
export class SchedulerDriver implements Disposable {
  readonly #clock: Clock;
  readonly #world: SchedulerWorld;
  readonly #scheduler: Scheduler;
  /** Decisions made inside one call; sent after it, because sending may have consequences of its own. */
  #decisions: (() => void)[] = [];
  /** Until when nodes are out, also if they connect again meanwhile. */
  readonly #bans = new RecentMap<string, { readonly untilMs: number }>(BANS_MAX);
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs = Infinity;

  constructor(
    deps: { readonly clock: Clock; readonly random: Random; readonly world: SchedulerWorld },
    options: Partial<SchedulerOptions>,
  ) {
    this.#clock = deps.clock;
    this.#world = deps.world;
    this.#scheduler = new Scheduler(options, this.#out(), deps.random);
  }

  addHost(node: ConnectedNode): void {
    this.#run((nowMs, scheduler) => {
      scheduler.addHost(nowMs, node.host, node.zone, node.uploadBytesPerSecond);
      const ban = this.#bans.get(node.nodeId);
      if (ban) scheduler.stillOut(nowMs, node.host, ban.untilMs);
    });
  }

  removeHost(host: Host): void {
    this.#run((nowMs, scheduler) => scheduler.removeHost(nowMs, host));
  }

  openTask(task: Task, pieceCount: number, pieceLengthBytes: number): void {
    this.#run((nowMs, scheduler) => scheduler.openTask(nowMs, task, pieceCount, pieceLengthBytes));
  }

  growTask(task: Task, pieceCount: number): void {
    this.#run((nowMs, scheduler) => scheduler.growTask(nowMs, task, pieceCount));
  }

  closeTask(task: Task): void {
    this.#run((nowMs, scheduler) => scheduler.closeTask(nowMs, task));
  }

  pieceReady(task: Task, piece: number): void {
    this.#run((nowMs, scheduler) => scheduler.pieceReady(nowMs, task, piece));
  }

  /** Joins; `answer` gets the neighbours and is called before anything else that the join leads to. */
  join(
    task: Task,
    host: Host,
    have: Bitmap | undefined,
    answer: (neighbours: readonly ConnectedNode[]) => void,
  ): void {
    const neighbours = this.#scheduler.join(this.#clock.nowMs(), task, host, have);
    answer(this.#nodes(neighbours));
    this.#carryOut();
  }

  leave(task: Task, host: Host): void {
    this.#run((nowMs, scheduler) => scheduler.leave(nowMs, task, host));
  }

  progress(task: Task, host: Host, have: Bitmap): void {
    this.#run((nowMs, scheduler) => scheduler.progress(nowMs, task, host, have));
  }

  offerEnded(task: Task, host: Host, piece: number): void {
    this.#run((nowMs, scheduler) => scheduler.offerEnded(nowMs, task, host, piece));
  }

  refuseOffer(task: Task, host: Host, piece: number): void {
    this.#run((nowMs, scheduler) => scheduler.refuseOffer(nowMs, task, host, piece));
  }

  blame(task: Task, accuser: Host, accused: Host, reason: "slow" | "corrupt" | "failed"): void {
    this.#run((nowMs, scheduler) => scheduler.blame(nowMs, task, accuser, accused, reason));
  }

  starve(task: Task, host: Host): void {
    this.#run((nowMs, scheduler) => scheduler.starve(nowMs, task, host));
  }

  seedRate(bytesPerSecond: number): void {
    this.#run((nowMs, scheduler) => scheduler.seedRate(nowMs, bytesPerSecond));
  }

  /** What the members of a task hold together. */
  heldByPeers(task: Task): Bitmap {
    return this.#scheduler.heldByPeers(task);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #run(call: (nowMs: number, scheduler: Scheduler) => void): void {
    call(this.#clock.nowMs(), this.#scheduler);
    this.#carryOut();
  }

  #carryOut(): void {
    const decisions = this.#decisions;
    this.#decisions = [];
    for (const decision of decisions) decision();
  }

  #out(): SchedulerOut {
    const later = (decision: () => void): void => void this.#decisions.push(decision);
    return {
      offer: (to, task, piece) =>
        later(() =>
          this.#send(to, task, (number) => ({ kind: "offer", task: number, pieces: [piece] })),
        ),
      neighbours: (to, task, hosts, far) =>
        later(() => {
          const neighbours = this.#nodes(hosts).map(toNeighbour);
          this.#send(to, task, (number) => ({ kind: "neighbours", task: number, neighbours, far }));
        }),
      stripes: (to, task, stripes) => {
        const mask = stripes.toBytes();
        later(() => this.#send(to, task, (number) => ({ kind: "stripes", task: number, mask })));
      },
      ban: (hosts, forMs) => later(() => this.#ban(hosts, forMs)),
      askProgress: (to, task) =>
        later(() => this.#send(to, task, (number) => ({ kind: "ask-progress", task: number }))),
      wake: (atMs) => this.#wake(atMs),
    };
  }

  #send(to: Host, task: Task, frame: (number: number) => SupernodeFrame): void {
    const number = this.#world.taskNumber(to, task);
    if (number !== undefined) this.#world.node(to)?.link.send(frame(number));
  }

  #ban(hosts: readonly Host[], forMs: number): void {
    const nodeIds = this.#nodes(hosts).map(({ nodeId }) => nodeId);
    if (nodeIds.length === 0) return;
    const untilMs = this.#clock.nowMs() + forMs;
    for (const nodeId of nodeIds) this.#bans.set(nodeId, { untilMs });
    for (const node of this.#world.nodes()) {
      node.link.send({ kind: "ban", nodeIds, forMs: Math.round(forMs) });
    }
  }

  #nodes(hosts: readonly Host[]): readonly ConnectedNode[] {
    return hosts.map((host) => this.#world.node(host)).filter((node) => node !== undefined);
  }

  #wake(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return;
    clearTimeout(this.#timer);
    this.#wakeAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#wakeAtMs = Infinity;
        this.#run((nowMs, scheduler) => scheduler.tick(nowMs));
      },
      Math.max(0, Math.ceil(atMs - this.#clock.nowMs())),
    );
    this.#timer.unref();
  }
}

/** A node as frames name it. */
export function toNeighbour({ nodeId, endpoint }: ConnectedNode): {
  nodeId: string;
  endpoint: string;
} {
  return { nodeId, endpoint };
}
