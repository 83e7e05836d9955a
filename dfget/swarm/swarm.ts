import type { Bitmap } from "../../protocol/bitmap.ts";
import { defaultSwarmOptions, type SwarmOptions } from "./swarm-options.ts";
import type { Host, SwarmOut, Task } from "./swarm-out.ts";

export { ORIGIN, SEED, STRIPE_COUNT, type Host, type SwarmOut, type Task } from "./swarm-out.ts";
export { defaultSwarmOptions, type SwarmOptions } from "./swarm-options.ts";

/** What a task is when it is opened. */
export interface TaskOpening {
  /** A 32-bit hash of the task's id, the same at every peer. */
  taskKey: number;
  /** How many pieces the task has, as far as known; 0 while unknown. See `grow`. */
  pieceCount: number;
  /** Bytes of every piece but the last, above 0. */
  pieceLengthBytes: number;
  /** What is on disk already; not kept. Absent: nothing. */
  have?: Bitmap | undefined;
}

/**
 * One peer's part in every task it takes part in: which neighbour gets an upload slot, which piece is
 * fetched from whom, what is late, who is to blame.
 *
 * Pure: events and a time go in, decisions come out through `SwarmOut`. Nothing that arrives from the
 * network makes a method throw: unknown hosts, unknown tasks and pieces out of range are ignored.
 * Times must not go backwards.
 */
export class Swarm {
  constructor(options: Partial<SwarmOptions>, out: SwarmOut, random: () => number) {
    void { ...defaultSwarmOptions, ...options };
    void out;
    void random;
  }

  /** Takes part in a task. A task that is open already is left as it is. */
  open(nowMs: number, task: Task, opening: TaskOpening): void {}

  /** The task has more pieces than known so far; a smaller count is ignored. */
  grow(nowMs: number, task: Task, pieceCount: number): void {}

  /** Leaves a task: running transfers of it are aborted, neighbours are dropped. */
  close(nowMs: number, task: Task): void {}

  /** No supernode ever served this task: what no neighbour holds is read from the origin. */
  orphan(nowMs: number, task: Task): void {}

  /**
   * A connection to a neighbour of the task is up; answers with a hello. `nodeKey` is the 32-bit hash
   * of its node id. `far` when the supernode said that it stands in another zone; a hello with a mask
   * says the same. Calling it again for a neighbour may make it far, and says hello again.
   */
  addNeighbour(nowMs: number, task: Task, host: Host, nodeKey: number, far = false): void {}

  /** The neighbour left this task, by its own word. */
  removeNeighbour(nowMs: number, task: Task, host: Host): void {}

  /** The connection to the host is gone: it leaves every task. Transfers from it are aborted. */
  removeHost(nowMs: number, host: Host): void {}

  /** The supernode said which stripes we may fetch from other zones (`STRIPE_COUNT` bits). */
  stripes(nowMs: number, task: Task, mask: Bitmap): void {}

  /** A neighbour's hello. `have` becomes the swarm's. Ignored when its length is not our piece count or shorter. */
  onHello(
    nowMs: number,
    from: Host,
    task: Task,
    have: Bitmap,
    freeSlots: number,
    ageMs: number,
    wants?: Bitmap,
  ): void {}

  /** A neighbour got pieces, and has this many free download slots. */
  onHave(
    nowMs: number,
    from: Host,
    task: Task,
    pieces: readonly number[],
    freeSlots: number,
  ): void {}

  /** A neighbour has an upload slot for us. */
  onGrant(nowMs: number, from: Host, task: Task): void {}

  /** A neighbour does not use our grant. */
  onDecline(
    nowMs: number,
    from: Host,
    task: Task,
    reason: "full" | "nothing",
    freeSlots: number,
  ): void {}

  /** Somebody reads this run from the origin; see `SwarmOut.claim`. */
  onClaim(
    nowMs: number,
    from: Host,
    task: Task,
    firstPiece: number,
    pieceCount: number,
    owner: number,
  ): void {}

  /** The supernode offers a piece: it is fetched from SEED, or refused. */
  onOffer(nowMs: number, task: Task, piece: number): void {}

  /**
   * A neighbour's request for a piece arrived; uses up its grant, or a slot that happens to be free.
   * False means that there is no slot: answer 503. After true, `onUploadEnd` must follow.
   */
  onUploadStart(nowMs: number, to: Host, task: Task): boolean {
    return false;
  }

  /** An upload ended, well or not. `durationMs` from request to last byte; negative if it failed. */
  onUploadEnd(nowMs: number, to: Host, task: Task, durationMs: number): void {}

  /** A piece is verified and stored, wherever it came from. */
  onPiece(nowMs: number, task: Task, piece: number, from: Host): void {}

  /**
   * A transfer ended without a piece: "corrupt" when the digest did not match, "busy" when the
   * neighbour answered 503, "failed" for everything else. The source is blamed except when busy.
   */
  onPieceFailed(
    nowMs: number,
    task: Task,
    piece: number,
    from: Host,
    reason: "corrupt" | "failed" | "busy",
  ): void {}

  /** Where the foremost in-order reader waits; undefined when nobody reads. */
  readerAt(nowMs: number, task: Task, piece: number | undefined): void {}

  /** A random-access reader waits for these pieces: they go first, in this order. Replaces the last list. */
  want(nowMs: number, task: Task, pieces: readonly number[]): void {}

  /** The supernode cannot be reached: every task may have to use its origin. */
  supernodeLost(nowMs: number): void {}

  /** The supernode is back: no new origin runs, except for tasks opened as orphans. */
  supernodeBack(nowMs: number): void {}

  /** Does what is due: announcements, time-outs, end game, starving. See `SwarmOut.wake`. */
  tick(nowMs: number): void {}
}
