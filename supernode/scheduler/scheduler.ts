import { Bitmap } from "../../protocol/bitmap.ts";
import { HostRecord } from "./host-record.ts";
import { NeighbourChoice } from "./neighbour-choice.ts";
import { Repair } from "./repair.ts";
import { SchedulerContext } from "./scheduler-context.ts";
import { defaultSchedulerOptions, type SchedulerOptions } from "./scheduler-options.ts";
import type { Host, SchedulerOut, Task } from "./scheduler-out.ts";
import { SeedPump } from "./seed-pump.ts";
import { TaskRecord } from "./task-record.ts";

const CHECK_MS = 100;
/** More pieces than any task may have; larger numbers are taken for mistakes. */
const PIECES_MAX = 1 << 24;

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
  readonly #context: SchedulerContext;
  readonly #pump: SeedPump;
  readonly #choice: NeighbourChoice;
  readonly #repair: Repair;

  /** `random` gives numbers in [0, 1). */
  constructor(options: Partial<SchedulerOptions>, out: SchedulerOut, random: () => number) {
    this.#context = new SchedulerContext({ ...defaultSchedulerOptions, ...options }, out, random);
    this.#pump = new SeedPump(this.#context);
    this.#choice = new NeighbourChoice(this.#context);
    this.#repair = new Repair(this.#context, this.#pump, this.#choice);
  }

  /** A node is connected. `zone` is `region|zone|rack`, labels from the right may be missing. The upload rate, where known, weighs in who gets offers. */
  addHost(nowMs: number, host: Host, zone: string, uploadBytesPerSecond?: number): void {
    void nowMs;
    if (this.#context.hosts.has(host)) return;
    this.#context.hosts.set(host, new HostRecord(host, zone, uploadBytesPerSecond));
  }

  /** A host that has just been added was out already before, under another number. */
  stillOut(nowMs: number, host: Host, untilMs: number): void {
    const record = this.#context.hosts.get(host);
    if (record === undefined || untilMs <= nowMs) return;
    record.conduct.outUntilMs = untilMs;
    this.#context.noteBan(untilMs);
  }

  /** The node is gone, from every task. */
  removeHost(nowMs: number, host: Host): void {
    const record = this.#context.hosts.get(host);
    if (record === undefined) return;
    // From all first: what is offered in between could go to the one that is gone.
    for (const task of record.tasks()) this.#takeOut(nowMs, task, record);
    this.#context.hosts.delete(host);
    this.#pump.forget(host);
    this.#pump.pump(nowMs);
    this.#context.wake(nowMs + CHECK_MS);
  }

  /** A task begins. `pieceCount` may be 0 while unknown. A task that is open is left as it is. */
  openTask(nowMs: number, task: Task, pieceCount: number, pieceLengthBytes: number): void {
    if (this.#context.tasks.has(task)) return;
    const count = isPieceCount(pieceCount) ? pieceCount : 0;
    const record = new TaskRecord(task, count, Math.max(1, pieceLengthBytes));
    this.#context.tasks.set(task, record);
    this.#context.busy.add(record);
    this.#context.wake(nowMs + CHECK_MS);
  }

  /** The task has more pieces than known so far; a smaller count is ignored. */
  growTask(nowMs: number, task: Task, pieceCount: number): void {
    void nowMs;
    const record = this.#context.touch(task);
    if (record === undefined || !isPieceCount(pieceCount)) return;
    if (pieceCount <= record.ledger.pieceCount) return;
    record.ledger.grow(pieceCount);
    for (const host of record.members.hosts) record.members.setComplete(host, false);
  }

  /** Forgets the task. */
  closeTask(nowMs: number, task: Task): void {
    void nowMs;
    const record = this.#context.tasks.get(task);
    if (record === undefined) return;
    this.#pump.dropTask(record);
    for (const host of record.members.hosts) this.#context.hosts.get(host)?.deleteTask(task);
    this.#context.tasks.delete(task);
    this.#context.busy.delete(record);
  }

  /** The seed can serve this piece from now on. */
  pieceReady(nowMs: number, task: Task, piece: number): void {
    const record = this.#context.touch(task);
    if (record === undefined || !record.ledger.isPiece(piece)) return;
    record.ledger.addReady(piece);
    this.#pump.pump(nowMs);
  }

  /**
   * A host takes part in a task; `have` is what it holds (not kept). Returns the near neighbours to
   * connect to; far ones follow through `neighbours`. A second join only updates what it holds.
   */
  join(nowMs: number, task: Task, host: Host, have: Bitmap | undefined): readonly Host[] {
    const record = this.#context.touch(task);
    const known = this.#context.hosts.get(host);
    if (record === undefined || known === undefined) return [];
    let near: readonly Host[] = [];
    if (!record.members.has(host)) {
      record.members.add(host, known.zone);
      known.addTask(task);
      near = this.#choice.near(nowMs, record, host);
      this.#choice.joined(nowMs, record, host);
    }
    if (have !== undefined) this.#repair.heard(nowMs, record, host, have);
    this.#pump.pump(nowMs);
    this.#context.wake(nowMs + CHECK_MS);
    return near;
  }

  /** The host left the task. */
  leave(nowMs: number, task: Task, host: Host): void {
    const known = this.#context.hosts.get(host);
    if (known === undefined || !known.hasTask(task)) return;
    this.#takeOut(nowMs, task, known);
    this.#pump.pump(nowMs);
    this.#context.wake(nowMs + CHECK_MS);
  }

  /** What the host holds now: an answer to `askProgress`, a periodic report, or completion. */
  progress(nowMs: number, task: Task, host: Host, have: Bitmap): void {
    const record = this.#context.touch(task);
    if (record === undefined || !record.members.has(host)) return;
    this.#repair.heard(nowMs, record, host, have);
    this.#pump.pump(nowMs);
  }

  /** The seed's transfer of an offered piece ended, well or not. */
  offerEnded(nowMs: number, task: Task, host: Host, piece: number): void {
    const record = this.#context.touch(task);
    if (record === undefined || !this.#pump.ended(nowMs, record, host, piece)) return;
    this.#pump.pump(nowMs);
  }

  /** The host did not take the offer. */
  refuseOffer(nowMs: number, task: Task, host: Host, piece: number): void {
    const record = this.#context.touch(task);
    if (record === undefined || !record.members.has(host)) return;
    this.#pump.refused(nowMs, record, host, piece);
    this.#context.ask(nowMs, record, host);
    this.#pump.pump(nowMs);
  }

  /** One host accuses another; different accusers within a while put the accused out. */
  blame(
    nowMs: number,
    task: Task,
    accuser: Host,
    accused: Host,
    reason: "slow" | "corrupt" | "failed",
  ): void {
    const from = this.#context.hosts.get(accuser);
    const to = this.#context.hosts.get(accused);
    if (from === undefined || to === undefined || from === to) return;
    if (from.isOut(nowMs) || to.isOut(nowMs)) return;
    if (!from.hasTask(task) || !to.hasTask(task)) return;
    const { options } = this.#context;
    if (!from.conduct.accuse(nowMs, accused, options)) return;
    if (!to.conduct.accusedBy(nowMs, accuser, options)) return;
    to.conduct.isOutForSlowness = reason !== "corrupt";
    if (to.conduct.isOutForSlowness && this.#slowShare(nowMs) >= options.slowBanShareMax) return;
    for (const host of to.conduct.accusers) {
      this.#context.hosts.get(host)?.conduct.wasBelieved(nowMs);
    }
    this.#putOut(nowMs, to);
  }

  /** Nothing comes in at the host: it gets more neighbours, or the piece itself. */
  starve(nowMs: number, task: Task, host: Host): void {
    const record = this.#context.touch(task);
    if (record === undefined || !record.members.has(host)) return;
    this.#repair.starving(nowMs, record, host);
    this.#pump.pump(nowMs);
  }

  /** What the seed sends at present, for the limit of bytes in flight. */
  seedRate(nowMs: number, bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0)) return;
    this.#context.seedBytesPerSecond = bytesPerSecond;
    this.#pump.pump(nowMs);
  }

  /** The union of what members held when last heard of; nothing in it has to be read from the origin again. */
  heldByPeers(task: Task): Bitmap {
    return this.#context.tasks.get(task)?.ledger.held() ?? new Bitmap(0);
  }

  /** Does what is due: confirmation, expiry. See `SchedulerOut.wake`. */
  tick(nowMs: number): void {
    this.#context.woken();
    this.#pump.expire(nowMs);
    let isBusy = this.#pump.inFlightCount > 0;
    for (const record of this.#context.busy) {
      this.#choice.link(record);
      if (this.#repair.check(nowMs, record)) isBusy = true;
      else if (!this.#pump.hasGifts(record)) this.#context.busy.delete(record);
    }
    this.#pump.pump(nowMs);
    if (isBusy) this.#context.wake(nowMs + CHECK_MS);
  }

  /** Takes a host out of one task and offers nothing yet. */
  #takeOut(nowMs: number, task: Task, known: HostRecord): void {
    const record = this.#context.touch(task);
    if (record === undefined) return;
    const { host } = known;
    const group = record.members.group(host);
    const degree = record.members.degree(host);
    known.deleteTask(task);
    record.members.delete(host, known.zone);
    this.#choice.parted(group, record, degree);
    record.hungry.delete(host);
    record.asked.delete(host);
    record.paused.delete(host);
    this.#pump.drop(nowMs, host, record);
    record.ledger.forget(nowMs, host);
    this.#choice.left(nowMs, record, host, group);
  }

  /** The share of hosts that would be out for slowness with one more; a few hosts may always be. */
  #slowShare(nowMs: number): number {
    let count = 1;
    for (const host of this.#context.hosts.values()) {
      if (host.isOutForSlowness(nowMs)) count += 1;
    }
    return count / Math.max(5, this.#context.hosts.size);
  }

  #putOut(nowMs: number, known: HostRecord): void {
    const forMs = known.conduct.ban(nowMs, this.#context.options);
    this.#context.noteBan(nowMs + forMs);
    for (const task of known.tasks()) {
      const record = this.#context.touch(task);
      if (record === undefined) continue;
      this.#pump.drop(nowMs, known.host, record);
      record.ledger.forget(nowMs, known.host);
      this.#choice.left(nowMs, record, known.host, record.members.group(known.host));
    }
    this.#context.out.ban([known.host], forMs);
    this.#pump.pump(nowMs);
    this.#context.wake(nowMs + CHECK_MS);
  }
}

function isPieceCount(pieceCount: number): boolean {
  return Number.isInteger(pieceCount) && pieceCount >= 0 && pieceCount <= PIECES_MAX;
}
