import { Bitmap, bitCount } from "../../protocol/bitmap.ts";
import type { Host } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";

/** How many pieces a neighbour may be ahead of us in a task whose length is not known yet. */
const AHEAD_MAX = 4096;

/** What we know of one neighbour in one task. */
export class Link {
  readonly host: Host;
  readonly state: TaskState;
  readonly nodeKey: number;
  /** It stands in another zone: stripes decide what crosses. */
  far: boolean;
  /** What it holds; at least as long as the task's own map. */
  have: Bitmap;
  /** Between zones: the stripes that it takes from us. */
  wants: Bitmap | undefined;
  /** Its hello arrived. */
  heard = false;
  /** When it was last told ours, and how often it was told again because its own did not arrive. */
  helloMs = -Infinity;
  hellosAgain = 0;
  /** Its free download slots as last told. */
  free = 0;
  /** Pieces we announced that it lacks (and takes). */
  interest = 0;
  /** It said that we have nothing it can use; void when we get something, or it asks again. */
  nothing = false;
  /** When it began with the task, on our clock. */
  sinceMs: number;
  /** Our grants that it has not answered yet, oldest first: when each was given. */
  readonly grantedAtMs: number[] = [];
  /** Uploads to it that are running. */
  uploads = 0;
  /** Not used as a source before this time. */
  blockedUntilMs = 0;
  /** It had no slot for a request that it had granted nothing for, and may have one after this time. */
  busyUntilMs = 0;
  /** A block that holds even when there is no other source. */
  distrustedUntilMs = 0;
  /** Transfers that failed since the last one that did not. */
  failures = 0;
  /** Place in the swarm's list of links. */
  index = -1;

  constructor(host: Host, state: TaskState, nodeKey: number, far: boolean, nowMs: number) {
    this.host = host;
    this.state = state;
    this.nodeKey = nodeKey;
    this.far = far;
    this.have = new Bitmap(state.have.length);
    this.sinceMs = nowMs;
  }

  /** Whether it takes this piece from us. */
  takes(piece: number): boolean {
    return this.wants === undefined || this.wants.has(piece & 63);
  }

  /** Notes that it has a piece. False when that is known or out of range. */
  learn(piece: number): boolean {
    if (!Number.isInteger(piece) || piece < 0) return false;
    if (piece >= this.have.length) {
      if (piece >= this.state.have.length + AHEAD_MAX) return false;
      this.have.grow(piece + 1);
    }
    return this.have.add(piece);
  }

  /** Replaces what it holds. */
  learnAll(have: Bitmap): void {
    const length = Math.min(have.length, this.state.have.length + AHEAD_MAX);
    const next = new Bitmap(Math.max(length, this.state.have.length));
    for (let piece = have.firstPresent(); piece >= 0 && piece < length;) {
      next.add(piece);
      piece = have.firstPresent(piece + 1);
    }
    this.have = next;
  }

  /** Counts anew what of ours it lacks and takes. */
  recountInterest(): void {
    const ours = this.state.announced.words;
    const theirs = this.have.words;
    let count = 0;
    for (let i = 0; i < ours.length; i++) {
      const taken = this.wants === undefined ? -1 : this.wants.words[i & 1]!;
      count += bitCount(ours[i]! & ~theirs[i]! & taken);
    }
    this.interest = count;
  }
}
