import type { Clock } from "../../platform/clock.ts";
import type { Fleet, FleetNode } from "../../test/harness/fleet.ts";
import type { DownloadClient, DownloadOrder } from "./download-client.ts";
import { NodeProgress } from "./node-progress.ts";
import type { NodeTimes } from "./node-progress.ts";
import type { OriginFile } from "./origin-files.ts";
import { sum } from "./statistics.ts";

/** What every node downloads, and when it begins. */
export interface DownloadPlan {
  readonly originUrl: string;
  readonly files: readonly OriginFile[];
  readonly pieceLengthBytes: number | undefined;
  /** By node, milliseconds after the first. */
  readonly arrivalsMs: readonly number[];
}

/** How a node's downloads went; a node that was killed on purpose has no times. */
export interface NodeOutcome {
  readonly index: number;
  /** When it began, after the first. */
  readonly arrivalMs: number;
  readonly times: NodeTimes | undefined;
}

/** Downloads all files on all nodes of a fleet. */
export class FleetDownloads {
  readonly #fleet: Fleet;
  readonly #client: DownloadClient;
  readonly #plan: DownloadPlan;

  constructor(fleet: Fleet, client: DownloadClient, plan: DownloadPlan) {
    this.#fleet = fleet;
    this.#client = client;
    this.#plan = plan;
  }

  /**
   * Returns when every node has everything, or was killed as `isKilled` says. When another one fails, all are
   * ended and it throws what that one threw.
   */
  async run(
    isKilled: (nodeIndex: number) => boolean,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<readonly NodeOutcome[]> {
    const failing = new AbortController();
    const ending = AbortSignal.any([signal, failing.signal]);
    const outcomes = this.#fleet.nodes.map(async (node): Promise<NodeOutcome> => {
      const { index } = node;
      const arrivalMs = this.#plan.arrivalsMs[index] ?? 0;
      try {
        if (arrivalMs > 0) await clock.sleep(arrivalMs, ending);
        return { index, arrivalMs, times: await this.#downloadAll(node, clock, ending) };
      } catch (error) {
        if (isKilled(index) && !ending.aborted) return { index, arrivalMs, times: undefined };
        failing.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(outcomes);
    signal.throwIfAborted();
    failing.signal.throwIfAborted();
    return await Promise.all(outcomes);
  }

  /** Compares the digest of every file on the nodes that have times; throws when one is wrong. */
  async verify(outcomes: readonly NodeOutcome[], signal: AbortSignal): Promise<void> {
    const done = new Set(outcomes.filter(({ times }) => times !== undefined).map((o) => o.index));
    for (const node of this.#fleet.nodes.filter(({ index }) => done.has(index))) {
      for (const order of this.#orders(node)) await this.#client.verify(order, signal);
    }
  }

  async #downloadAll(node: FleetNode, clock: Clock, signal: AbortSignal): Promise<NodeTimes> {
    const wantedBytes = sum(this.#plan.files.map(({ lengthBytes }) => lengthBytes));
    const progress = new NodeProgress(clock.nowMs(), wantedBytes);
    const downloads = this.#orders(node).map(async (order) => {
      const onBytes = (lengthBytes: number): void => progress.arrived(clock.nowMs(), lengthBytes);
      await this.#client.download(order, onBytes, signal);
      progress.fileEnded(clock.nowMs());
    });
    await Promise.allSettled(downloads);
    await Promise.all(downloads);
    return progress.times();
  }

  #orders(node: FleetNode): readonly DownloadOrder[] {
    const { files, originUrl, pieceLengthBytes } = this.#plan;
    return files.map((file) => ({
      node,
      file,
      url: `${originUrl}/${file.name}`,
      pieceLengthBytes,
    }));
  }
}
