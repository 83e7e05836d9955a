import { setTimeout as delay } from "node:timers/promises";

import type { LoadNode } from "./load-node.ts";
import type { SeedClient } from "./seed-client.ts";
import { SimulatedDownload } from "./simulated-download.ts";
import type { LoadTask } from "./simulated-task.ts";
import { SimulatedTask } from "./simulated-task.ts";

/** How often downloads are looked at. */
const TICK_MS = 25;
/** Nodes of a task join over this share of the time that a download takes. */
const ARRIVAL_SHARE = 0.1;
/** A download that takes so many times as long as it should is given up. */
const PATIENCE = 3;

/** What the nodes did while they were watched. */
export interface SwarmAnswer {
  /** Downloads begun and finished, of all nodes. */
  readonly finished: number;
  /** Downloads that came to no end. */
  readonly stalled: number;
  /** Pieces that were offered and could not be fetched. */
  readonly failedFetches: number;
}

/** Nodes that download all the time: those of a task fetch it together, leave it, and begin again as newcomers. */
export class BusySwarm {
  readonly #seed: SeedClient;
  readonly #fillMs: number;
  readonly #stopping = new AbortController();
  readonly #groups: Promise<void>[] = [];
  #finished = 0;
  #stalled = 0;
  #failedFetches = 0;

  constructor(seed: SeedClient, fillMs: number) {
    this.#seed = seed;
    this.#fillMs = fillMs;
  }

  /** Deals the nodes out to the tasks, which the seed reads first, and lets all begin, one task after the other. */
  async start(nodes: readonly LoadNode[], tasks: readonly LoadTask[]): Promise<void> {
    for (const [index, task] of tasks.entries()) {
      const members = nodes.filter((_, node) => node % tasks.length === index);
      await this.#preheat(members[0]!, task);
    }
    for (const [index, task] of tasks.entries()) {
      const members = nodes.filter((_, node) => node % tasks.length === index);
      const headStartMs = (index / tasks.length) * this.#fillMs;
      this.#groups.push(this.#repeat(members, task, headStartMs));
    }
  }

  /** Lets all nodes leave. Throws when a download was refused. */
  async stop(): Promise<SwarmAnswer> {
    this.#stopping.abort();
    await Promise.all(this.#groups);
    return {
      finished: this.#finished,
      stalled: this.#stalled,
      failedFetches: this.#failedFetches,
    };
  }

  async #preheat(node: LoadNode, spec: LoadTask): Promise<void> {
    const download = new SimulatedDownload(node, new SimulatedTask(spec), this.#seed);
    download.join(performance.now());
    await download.proven.promise;
    download.leave();
  }

  async #repeat(nodes: readonly LoadNode[], spec: LoadTask, headStartMs: number): Promise<void> {
    await this.#pause(headStartMs);
    while (!this.#stopping.signal.aborted) await this.#round(nodes, new SimulatedTask(spec));
  }

  async #round(nodes: readonly LoadNode[], task: SimulatedTask): Promise<void> {
    const startMs = performance.now();
    const arrivalMs = (this.#fillMs * ARRIVAL_SHARE) / nodes.length;
    const downloads: SimulatedDownload[] = [];
    const isStopping = (): boolean => this.#stopping.signal.aborted;
    for (;;) {
      const nowMs = performance.now();
      while (downloads.length < nodes.length && nowMs >= startMs + downloads.length * arrivalMs) {
        const download = new SimulatedDownload(nodes[downloads.length]!, task, this.#seed);
        downloads.push(download);
        download.join(nowMs);
      }
      for (const download of downloads) download.tick(nowMs, this.#fillMs);
      const isFull = downloads.length === nodes.length && downloads.every((each) => each.isFull);
      if (isFull || isStopping() || nowMs - startMs > PATIENCE * this.#fillMs) break;
      await this.#pause(TICK_MS);
    }
    for (const download of downloads) download.leave();
    const full = downloads.filter(({ isFull }) => isFull).length;
    this.#finished += full;
    if (!isStopping()) this.#stalled += downloads.length - full;
    this.#failedFetches += task.failures;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
