import { Bitmap } from "../../protocol/bitmap.ts";
import { defaultSchedulerOptions, type SchedulerOptions } from "./scheduler-options.ts";
import type { Host, SchedulerOut, Task } from "./scheduler-out.ts";

export { STRIPE_COUNT, type Host, type SchedulerOut, type Task } from "./scheduler-out.ts";
export { defaultSchedulerOptions, type SchedulerOptions } from "./scheduler-options.ts";

/**
 * The supernode's part in every task: who gets each fresh piece from the seed, who exchanges with
 * whom, who is out. It does not follow single pieces between peers.
 *
 * Pure: events and a time go in, decisions come out through `SchedulerOut`. Unknown hosts, unknown
 * tasks and pieces out of range are ignored. Times must not go backwards.
 */
export class Scheduler {
  constructor(options: Partial<SchedulerOptions>, out: SchedulerOut, random: () => number) {
    void { ...defaultSchedulerOptions, ...options };
    void out;
    void random;
  }

  /** A node is connected. `zone` is `region|zone|rack`, labels from the right may be missing. */
  addHost(nowMs: number, host: Host, zone: string, uploadBytesPerSecond?: number): void {}

  /** The node is gone, from every task. */
  removeHost(nowMs: number, host: Host): void {}

  /** A task begins. `pieceCount` may be 0 while unknown. A task that is open is left as it is. */
  openTask(nowMs: number, task: Task, pieceCount: number, pieceLengthBytes: number): void {}

  /** The task has more pieces than known so far; a smaller count is ignored. */
  growTask(nowMs: number, task: Task, pieceCount: number): void {}

  /** Forgets the task. */
  closeTask(nowMs: number, task: Task): void {}

  /** The seed can serve this piece from now on. */
  pieceReady(nowMs: number, task: Task, piece: number): void {}

  /**
   * A host takes part in a task; `have` is what it holds (not kept). Returns the near neighbours to
   * connect to; far ones follow through `neighbours`. A second join only updates what it holds.
   */
  join(nowMs: number, task: Task, host: Host, have: Bitmap | undefined): readonly Host[] {
    return [];
  }

  /** The host left the task. */
  leave(nowMs: number, task: Task, host: Host): void {}

  /** What the host holds now: an answer to `askProgress`, a periodic report, or completion. */
  progress(nowMs: number, task: Task, host: Host, have: Bitmap): void {}

  /** The seed's transfer of an offered piece ended, well or not. */
  offerEnded(nowMs: number, task: Task, host: Host, piece: number): void {}

  /** The host did not take the offer. */
  refuseOffer(nowMs: number, task: Task, host: Host, piece: number): void {}

  /** One host accuses another; different accusers within a while put the accused out. */
  blame(
    nowMs: number,
    task: Task,
    accuser: Host,
    accused: Host,
    reason: "slow" | "corrupt" | "failed",
  ): void {}

  /** Nothing comes in at the host: it gets more neighbours, or the piece itself. */
  starve(nowMs: number, task: Task, host: Host): void {}

  /** What the seed sends at present, for the limit of bytes in flight. */
  seedRate(nowMs: number, bytesPerSecond: number): void {}

  /** The union of what members held when last heard of; nothing in it has to be read from the origin again. */
  heldByPeers(task: Task): Bitmap {
    void task;
    return new Bitmap(0);
  }

  /** Does what is due: confirmation, expiry. See `SchedulerOut.wake`. */
  tick(nowMs: number): void {}
}
