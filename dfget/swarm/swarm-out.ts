import type { Bitmap } from "../../protocol/bitmap.ts";

/** A neighbour as the shell numbers it, 0 or more; the shell may reuse a number after `removeHost`. */
export type Host = number;

/** A task as the shell numbers it, 0 or more. */
export type Task = number;

/** In place of a host: the seed of the supernode. */
export const SEED = -1;

/** In place of a host: the origin, read by this peer itself. */
export const ORIGIN = -2;

/**
 * How many stripes the pieces of a task are dealt into (piece index modulo this) when peers stand in
 * several zones. A mask of stripes is a `Bitmap` of this length.
 */
export const STRIPE_COUNT = 64;

/** Everything a swarm can do to the world. The shell must not call the swarm back from inside. */
export interface SwarmOut {
  /**
   * Tells a neighbour what we hold. `have` is live: encode it before returning. `wants` is given on
   * links between zones: the stripes we may fetch over this link; absent means every piece.
   * `isUnanswered` asks for the neighbour's own hello, which did not come.
   */
  hello(
    to: Host,
    task: Task,
    have: Bitmap,
    freeSlots: number,
    ageMs: number,
    wants?: Bitmap,
    isUnanswered?: boolean,
  ): void;
  /** Tells neighbours of new pieces (perhaps none) and of our free download slots. */
  have(to: readonly Host[], task: Task, pieces: readonly number[], freeSlots: number): void;
  /** Gives a neighbour one upload slot; it answers with a piece request or a decline. */
  grant(to: Host, task: Task): void;
  /** Answers a grant that we cannot use. */
  decline(to: Host, task: Task, reason: "full" | "nothing", freeSlots: number): void;
  /** Start fetching a piece. `from` is a neighbour, or SEED to take up an offer. */
  request(from: Host, task: Task, piece: number): void;
  /**
   * Stop that transfer; nothing is reported for it afterwards (a late report is harmless). With
   * ORIGIN, `piece` is the first piece of the run to stop.
   */
  abort(from: Host, task: Task, piece: number): void;
  /**
   * No supernode serves the task: read this run from the origin, and report every piece with
   * `onPiece(…, ORIGIN)`, or `onPieceFailed` once for the first piece that cannot be had, which ends
   * the run.
   */
  requestOrigin(task: Task, firstPiece: number, pieceCount: number): void;
  /**
   * Tells neighbours, without delay, that the peer whose node key is `owner` (ourselves, or one whose
   * claim we pass on) is reading this run from the origin, so that nobody else does.
   */
  claim(
    to: readonly Host[],
    task: Task,
    firstPiece: number,
    pieceCount: number,
    owner: number,
  ): void;
  /** Tells the supernode that we do not take its offer. */
  refuseOffer(task: Task, piece: number): void;
  /** Tells the supernode that a neighbour was slow, sent a corrupt piece, or failed to send one. */
  blame(task: Task, host: Host, piece: number, reason: "slow" | "corrupt" | "failed"): void;
  /** Tells the supernode that nothing has been coming in for the task. Repeated with growing gaps. */
  starve(task: Task): void;
  /**
   * Tells the supernode which pieces a task lacks that readers of parts wait for; `isAgain` for those that it was
   * asked for before, in vain.
   */
  want(task: Task, pieces: readonly number[], isAgain: boolean): void;
  /** Every piece of the task is held. Said once per open, and again when a task that grew is full. */
  complete(task: Task): void;
  /** Call `tick` at or after this time; of several calls the earliest counts until the next tick. */
  wake(atMs: number): void;
}
