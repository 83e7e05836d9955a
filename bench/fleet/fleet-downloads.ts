import pLimit from "p-limit";

import type { Clock } from "../../platform/clock.ts";
import type { Fleet, FleetNode } from "../../test/harness/fleet.ts";
import { allOrNone } from "./all-or-none.ts";
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
  /** How many a node fetches at a time. */
  readonly filesAtOnce: number;
  /** By node, milliseconds after the first. */
  readonly arrivalsMs: readonly number[];
}

/** How a node's downloads went; a node that was killed on purpose has no times. */
export interface NodeOutcome {
  readonly index: number;
  /** When it began, after the first. */
  readonly arrivalMs: number;
  readonly times: NodeTimes | undefined;
  /** How long each read took, where ranges were read. */
  readonly readSeconds?: readonly number[];
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
    const works = this.#fleet.nodes.map((node) => async (ending: AbortSignal) => {
      const { index } = node;
      const arrivalMs = this.#plan.arrivalsMs[index] ?? 0;
      try {
        if (arrivalMs > 0) await clock.sleep(arrivalMs, ending);
        return { index, arrivalMs, times: await this.#downloadAll(node, clock, ending) };
      } catch (error) {
        if (!isKilled(index) || ending.aborted) throw error;
        return { index, arrivalMs, times: undefined };
      }
    });
    return await allOrNone<NodeOutcome>(works, signal);
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
    const limit = pLimit(this.#plan.filesAtOnce);
    const onBytes = (lengthBytes: number): void => progress.arrived(clock.nowMs(), lengthBytes);
    const downloads = this.#orders(node).map(
      (order) => async (ending: AbortSignal) =>
        await limit(async () => {
          await this.#client.download(order, onBytes, ending);
          progress.fileEnded(clock.nowMs());
        }),
    );
    await allOrNone(downloads, signal);
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
