import { RecentMap } from "../../platform/recent-map.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Bitmap } from "../../protocol/bitmap.ts";
import type { Host } from "../scheduler/scheduler.ts";

/**
 * One copy of a piece is given in this time to nodes that read parts, unless one asks again: the others get it from who
 * got it. With more the line of the seed would be what all wait for.
 */
const SPREAD_MS = 1000;
/** Pieces of which is remembered when a copy was given. */
const GIVEN_MAX = 4096;

interface PartDemandDeps {
  readonly clock: Clock;
  readonly pieces: {
    /** How many the task has. */
    readonly count: number;
    /** Whether the seed can hand a piece out now. */
    isHeld(piece: number): boolean;
  };
  /** Those that nodes hold which take part for the whole. */
  readonly heldByMembers: () => Bitmap;
  /** Lets a node fetch pieces from the seed. Returns false when it takes part no longer. */
  readonly offer: (to: Host, pieces: readonly number[]) => boolean;
  /** Reads pieces from the origin for a node; they are ascending. `ready` or `failed` follows for each. */
  readonly read: (pieces: readonly number[], host: Host) => void;
}

/**
 * The pieces of one task that nodes want which read parts of it only. Each is read from the origin once, and only when
 * somebody wants it.
 */
export class PartDemand {
  readonly #deps: PartDemandDeps;
  /** Who waits for a piece that is being read. */
  readonly #waiting = new Map<number, Set<Host>>();
  readonly #given = new RecentMap<number, { readonly atMs: number }>(GIVEN_MAX);

  constructor(deps: PartDemandDeps) {
    this.#deps = deps;
  }

  /** A node wants pieces; `isAgain` when nobody has given them to it since it asked first. */
  want(host: Host, pieces: readonly number[], isAgain: boolean): void {
    const { pieces: task, heldByMembers } = this.#deps;
    const offered: number[] = [];
    const unread: number[] = [];
    // What others hold is read from the origin only when it does not come from them.
    let elsewhere: Bitmap | undefined;
    for (const piece of new Set(pieces)) {
      if (piece >= task.count) continue;
      if (task.isHeld(piece)) {
        if (this.#mayGive(piece) || isAgain) offered.push(this.#noted(piece));
        continue;
      }
      const waiting = this.#waiting.get(piece);
      if (waiting) {
        waiting.add(host);
        continue;
      }
      if (!isAgain && (elsewhere ??= heldByMembers()).has(piece)) continue;
      this.#waiting.set(piece, new Set([host]));
      this.#given.delete(piece);
      unread.push(piece);
    }
    if (offered.length > 0) this.#deps.offer(host, offered);
    if (unread.length > 0)
      this.#deps.read(
        unread.sort((a, b) => a - b),
        host,
      );
  }

  /** The pieces that are being read. */
  get awaited(): Iterable<number> {
    return this.#waiting.keys();
  }

  /** A piece can be handed out now. */
  ready(piece: number): void {
    const waiting = this.#waiting.get(piece);
    if (!waiting) return;
    this.#waiting.delete(piece);
    for (const host of waiting) {
      if (this.#mayGive(piece) && this.#deps.offer(host, [piece])) this.#noted(piece);
    }
  }

  /** A node waits for nothing any more: its number may become that of another one. */
  left(host: Host): void {
    for (const waiting of this.#waiting.values()) waiting.delete(host);
  }

  /** The pieces could not be read. Returns who waited for them. */
  failed(pieces: readonly number[]): ReadonlySet<Host> {
    const hosts = new Set<Host>();
    for (const piece of pieces) {
      for (const host of this.#waiting.get(piece) ?? []) hosts.add(host);
      this.#waiting.delete(piece);
    }
    return hosts;
  }

  #mayGive(piece: number): boolean {
    const given = this.#given.get(piece);
    return !given || this.#deps.clock.nowMs() - given.atMs >= SPREAD_MS;
  }

  #noted(piece: number): number {
    this.#given.set(piece, { atMs: this.#deps.clock.nowMs() });
    return piece;
  }
}
