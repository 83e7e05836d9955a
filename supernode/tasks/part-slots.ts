import type { LimitFunction } from "p-limit";
import pLimit from "p-limit";

import type { Host } from "../scheduler/scheduler.ts";

/**
 * The parts of tasks that are read from origins at the same time: so many in all, and so many of them for one node, so that one
 * whose origins are slow, or that wants a great many, does not keep back the others.
 */
export class PartSlots {
  readonly #all: LimitFunction;
  readonly #ofNodeMax: number;
  /** Those of nodes for which something is read now. */
  readonly #ofNode = new Map<Host, LimitFunction>();

  constructor(max: number, ofNodeMax: number) {
    this.#all = pLimit(max);
    this.#ofNodeMax = ofNodeMax;
  }

  /** Does something for a node as soon as there is room. Throws what it throws. */
  async run<T>(host: Host, work: () => Promise<T>): Promise<T> {
    const own = this.#ofNode.get(host) ?? pLimit(this.#ofNodeMax);
    this.#ofNode.set(host, own);
    try {
      return await own(async () => await this.#all(work));
    } finally {
      if (own.activeCount + own.pendingCount === 0) this.#ofNode.delete(host);
    }
  }
}
