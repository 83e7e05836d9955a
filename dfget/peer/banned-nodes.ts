import type { Clock } from "../../platform/clock.ts";
import type { NodeId } from "../../protocol/node-id.ts";

/** More than a cluster has bad nodes; beyond it the ban that was said first is forgotten. */
const BANS_MAX = 1024;
const BAN_MS_MAX = 3_600_000;

/** The nodes from which the supernode said to take nothing for a while. They are still served. */
export class BannedNodes {
  readonly #clock: Clock;
  readonly #untilMs = new Map<NodeId, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bans a node for so long, an hour at most. */
  ban(nodeId: NodeId, forMs: number): void {
    this.#untilMs.delete(nodeId);
    this.#untilMs.set(nodeId, this.#clock.nowMs() + Math.min(forMs, BAN_MS_MAX));
    if (this.#untilMs.size > BANS_MAX) this.#untilMs.delete(this.#untilMs.keys().next().value!);
  }

  /** How long the ban of a node still lasts, in milliseconds; 0 when there is none. */
  leftMs(nodeId: NodeId): number {
    const leftMs = (this.#untilMs.get(nodeId) ?? 0) - this.#clock.nowMs();
    if (leftMs > 0) return leftMs;
    this.#untilMs.delete(nodeId);
    return 0;
  }
}
