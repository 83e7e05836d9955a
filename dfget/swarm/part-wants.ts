import type { Downloads } from "./downloads.ts";
import type { Link } from "./link.ts";
import { isUsable } from "./piece-choice.ts";
import type { SwarmContext } from "./swarm-context.ts";
import { SEED } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";

/** A piece that was asked for is asked for again after this, at least, and then ever more rarely. */
const AGAIN_MS = 300;
const AGAIN_MS_MAX = 5000;
/** The same in the times that a piece usually takes from the seed to a neighbour and from that to us. */
const AGAIN_FACTOR = 2;
/** A neighbour that had no slot is asked for nothing for so long. */
const BUSY_MS = 150;

/**
 * Brings the pieces of tasks of which only parts are read: those that a reader waits for, from a neighbour that holds
 * them, without waiting for its grant, or else from the seed, which is asked for them.
 */
export class PartWants {
  readonly #context: SwarmContext;
  readonly #downloads: Downloads;

  constructor(context: SwarmContext, downloads: Downloads) {
    this.#context = context;
    this.#downloads = downloads;
  }

  /** Does what can be done for the pieces that readers of the task wait for. */
  pump(nowMs: number, state: TaskState): void {
    if (!state.isPart) return;
    const { asked, offered, wanted } = state;
    for (const piece of asked.keys()) if (!wanted.includes(piece)) asked.delete(piece);
    for (const piece of offered) if (!wanted.includes(piece)) offered.delete(piece);
    const first: number[] = [];
    const again: number[] = [];
    const againMs = againMsOf(state);
    for (const piece of wanted) {
      if (state.have.has(piece) || state.flying.has(piece)) continue;
      const link = this.#holder(nowMs, state, piece);
      const isOffered = offered.has(piece) && this.#downloads.mayTrySeed(nowMs, state);
      const source = link?.host ?? (isOffered ? SEED : undefined);
      if (source !== undefined && this.#context.freeSlots > 0) {
        offered.delete(piece);
        this.#downloads.fetch(nowMs, state, piece, source);
        continue;
      }
      if (offered.has(piece)) continue;
      const before = asked.get(piece);
      if (before === undefined) first.push(piece);
      else if (nowMs - before.atMs >= againMs(before.count)) again.push(piece);
      else continue;
      asked.set(piece, { atMs: nowMs, count: (before?.count ?? 0) + 1 });
    }
    const { out } = this.#context;
    if (first.length > 0) out.want(state.task, first, false);
    if (again.length > 0) out.want(state.task, again, true);
    if (wanted.length > 0) this.#context.wakeForCheck(nowMs);
  }

  /** The neighbour had no slot for us. */
  busy(nowMs: number, link: Link): void {
    link.busyUntilMs = nowMs + BUSY_MS;
  }

  #holder(nowMs: number, state: TaskState, piece: number): Link | undefined {
    let chosen: Link | undefined;
    let seen = 0;
    for (const link of state.links.values()) {
      if (!isUsable(state, link, piece) || nowMs < link.busyUntilMs) continue;
      if (!this.#downloads.isSource(nowMs, link)) continue;
      seen += 1;
      if (this.#context.random() * seen < 1) chosen = link;
    }
    return chosen;
  }
}

/** How long a piece that was asked for so often is waited for. */
function againMsOf({ seedTimes, times }: TaskState): (count: number) => number {
  const usualMs = seedTimes.quantile(0.5) + times.quantile(0.5);
  const firstMs = Math.max(AGAIN_MS, AGAIN_FACTOR * usualMs);
  return (count) => Math.min(AGAIN_MS_MAX, firstMs * 2 ** (count - 1));
}
