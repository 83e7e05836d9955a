import { Bitmap } from "../../protocol/bitmap.ts";
import { Announcer } from "./announcer.ts";
import { Downloads } from "./downloads.ts";
import { Neighbourhood, slotsTold } from "./neighbourhood.ts";
import { Orphans } from "./orphans.ts";
import { SwarmContext } from "./swarm-context.ts";
import { PartWants } from "./part-wants.ts";
import { defaultSwarmOptions, type SwarmOptions } from "./swarm-options.ts";
import { ORIGIN, STRIPE_COUNT, type Host, type SwarmOut, type Task } from "./swarm-out.ts";
import { TaskState } from "./task-state.ts";
import { Uploads } from "./uploads.ts";

export { ORIGIN, SEED, STRIPE_COUNT, type Host, type SwarmOut, type Task } from "./swarm-out.ts";
export { defaultSwarmOptions, type SwarmOptions } from "./swarm-options.ts";

/** More pieces than any task may have; larger numbers are taken for mistakes. */
const PIECES_MAX = 1 << 24;

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
  /** Only what `want` names is fetched, until `readWhole`. */
  isPart?: boolean | undefined;
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
  readonly #context: SwarmContext;
  readonly #announcer: Announcer;
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;
  readonly #partWants: PartWants;
  readonly #neighbourhood: Neighbourhood;
  readonly #orphans: Orphans;
  #checkedMs = -Infinity;

  /** `random` gives numbers in [0, 1). */
  constructor(options: Partial<SwarmOptions>, out: SwarmOut, random: () => number) {
    this.#context = new SwarmContext({ ...defaultSwarmOptions, ...options }, out, random);
    this.#announcer = new Announcer(this.#context);
    this.#uploads = new Uploads(this.#context);
    this.#downloads = new Downloads(this.#context, this.#announcer, this.#uploads);
    this.#partWants = new PartWants(this.#context, this.#downloads);
    this.#neighbourhood = new Neighbourhood(this.#context, this.#uploads, this.#downloads);
    this.#orphans = new Orphans(this.#context, this.#downloads, this.#neighbourhood);
  }

  /** Takes part in a task. A task that is open already is left as it is. */
  open(nowMs: number, task: Task, opening: TaskOpening): void {
    if (this.#context.tasks.has(task)) return;
    const { pieceLengthBytes, taskKey } = opening;
    const have = opening.have?.clone() ?? new Bitmap(0);
    const pieceCount = isPieceCount(opening.pieceCount) ? opening.pieceCount : 0;
    if (have.length < pieceCount) have.grow(pieceCount);
    const state = new TaskState(task, taskKey, Math.max(1, pieceLengthBytes), have, nowMs);
    state.isPart = opening.isPart ?? false;
    this.#context.tasks.set(task, state);
    this.#sayComplete(state);
    this.#context.wakeForCheck(nowMs);
  }

  /** The task has more pieces than known so far; a smaller count is ignored. */
  grow(nowMs: number, task: Task, pieceCount: number): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined || !isPieceCount(pieceCount)) return;
    if (pieceCount <= state.have.length) return;
    state.grow(pieceCount);
    state.saidComplete = false;
    this.#context.wakeForCheck(nowMs);
  }

  /** From now on all of a task is fetched of which parts were. */
  readWhole(nowMs: number, task: Task): void {
    const state = this.#context.tasks.get(task);
    if (state?.isPart !== true) return;
    state.isPart = false;
    state.asked.clear();
    state.offered.clear();
    state.drySinceMs = nowMs;
    this.#announcer.askAgain(nowMs, state);
    this.#context.wakeForCheck(nowMs);
  }

  /** Leaves a task: running transfers of it are aborted, neighbours are dropped. */
  close(nowMs: number, task: Task): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined) return;
    for (const link of state.links.values()) this.#neighbourhood.drop(nowMs, link);
    this.#downloads.abortAll(nowMs, state);
    this.#orphans.abortAll(state);
    this.#context.tasks.delete(task);
    this.#uploads.grantMore(nowMs);
  }

  /** No supernode ever served this task: what no neighbour holds is read from the origin. */
  orphan(nowMs: number, task: Task): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined) return;
    state.isOrphan = true;
    this.#context.wake(nowMs);
  }

  /**
   * A connection to a neighbour of the task is up; answers with a hello. `nodeKey` is the 32-bit hash
   * of its node id. `far` when the supernode said that it stands in another zone; a hello with a mask
   * says the same. Calling it again for a neighbour may make it far, and says hello again.
   */
  addNeighbour(nowMs: number, task: Task, host: Host, nodeKey: number, far = false): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined || !Number.isInteger(host) || host < 0) return;
    this.#neighbourhood.add(nowMs, state, host, nodeKey, far);
    this.#context.wakeForCheck(nowMs);
  }

  /** The neighbour left this task, by its own word. */
  removeNeighbour(nowMs: number, task: Task, host: Host): void {
    const link = this.#context.link(task, host);
    if (link === undefined) return;
    this.#neighbourhood.drop(nowMs, link);
    this.#uploads.grantMore(nowMs);
  }

  /** The connection to the host is gone: it leaves every task. Transfers from it are aborted. */
  removeHost(nowMs: number, host: Host): void {
    this.#context.outUntilMs.delete(host);
    for (const state of this.#context.tasks.values()) {
      const link = state.links.get(host);
      if (link !== undefined) this.#neighbourhood.drop(nowMs, link);
    }
    this.#uploads.grantMore(nowMs);
  }

  /** The supernode said which stripes we may fetch from other zones (`STRIPE_COUNT` bits). */
  stripes(nowMs: number, task: Task, mask: Bitmap): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined || mask.length !== STRIPE_COUNT) return;
    this.#neighbourhood.setStripes(nowMs, state, mask);
  }

  /**
   * A neighbour's hello. `have` becomes the swarm's. Ignored when its length is not our piece count or shorter.
   * `isUnanswered` when the neighbour has not heard ours: it is said again.
   */
  onHello(
    nowMs: number,
    from: Host,
    task: Task,
    have: Bitmap,
    freeSlots: number,
    ageMs: number,
    wants?: Bitmap,
    isUnanswered = false,
  ): void {
    const link = this.#context.link(task, from);
    if (link === undefined) return;
    this.#neighbourhood.hello(nowMs, link, have, freeSlots, ageMs, wants, isUnanswered);
    this.#partWants.pump(nowMs, link.state);
    this.#uploads.grantMore(nowMs);
  }

  /**
   * The supernode said that a connected host is out: nothing is fetched from it for this long, or until
   * `removeHost`. It is still served.
   */
  ban(nowMs: number, host: Host, forMs: number): void {
    const untilMs = Math.max(nowMs + forMs, this.#context.outUntilMs.get(host) ?? 0);
    this.#context.outUntilMs.set(host, untilMs);
  }

  /** A neighbour got pieces, and has this many free download slots. */
  onHave(
    nowMs: number,
    from: Host,
    task: Task,
    pieces: readonly number[],
    freeSlots: number,
  ): void {
    const link = this.#context.link(task, from);
    if (link === undefined) return;
    this.#neighbourhood.have(nowMs, link, pieces, freeSlots);
    this.#partWants.pump(nowMs, link.state);
    this.#uploads.grantMore(nowMs);
  }

  /** A neighbour has an upload slot for us. */
  onGrant(nowMs: number, from: Host, task: Task): void {
    const link = this.#context.link(task, from);
    if (link !== undefined) this.#downloads.granted(nowMs, link);
    else this.#context.out.decline(from, task, "nothing", this.#context.freeSlots);
  }

  /** A neighbour does not use our grant. */
  onDecline(
    nowMs: number,
    from: Host,
    task: Task,
    reason: "full" | "nothing",
    freeSlots: number,
  ): void {
    const link = this.#context.link(task, from);
    if (link === undefined) return;
    this.#uploads.declined(link);
    link.free = slotsTold(freeSlots);
    if (reason === "nothing") link.nothing = true;
    this.#uploads.grantMore(nowMs);
  }

  /** Somebody reads this run from the origin; see `SwarmOut.claim`. */
  onClaim(
    nowMs: number,
    from: Host,
    task: Task,
    firstPiece: number,
    pieceCount: number,
    owner: number,
  ): void {
    const link = this.#context.link(task, from);
    if (link !== undefined) this.#orphans.claimed(nowMs, link, firstPiece, pieceCount, owner);
  }

  /** The supernode offers a piece: it is fetched from SEED, or refused. */
  onOffer(nowMs: number, task: Task, piece: number): void {
    const state = this.#context.tasks.get(task);
    if (state !== undefined) this.#downloads.offered(nowMs, state, piece);
    else this.#context.out.refuseOffer(task, piece);
  }

  /**
   * A neighbour's request for a piece arrived; uses up its grant, or a slot that happens to be free.
   * False means that there is no slot: answer 503. After true, `onUploadEnd` must follow.
   */
  onUploadStart(nowMs: number, to: Host, task: Task): boolean {
    const link = this.#context.link(task, to);
    if (link === undefined || !this.#uploads.start(link)) return false;
    this.#uploads.grantMore(nowMs);
    return true;
  }

  /** An upload ended, well or not. `durationMs` from request to last byte; negative if it failed. */
  onUploadEnd(nowMs: number, to: Host, task: Task, durationMs: number): void {
    const link = this.#context.link(task, to);
    if (link === undefined) return;
    this.#uploads.end(link, durationMs);
    this.#uploads.grantMore(nowMs);
  }

  /** A piece is verified and stored, wherever it came from. */
  onPiece(nowMs: number, task: Task, piece: number, from: Host): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined || !state.isPiece(piece)) return;
    this.#downloads.arrived(nowMs, state, piece, from);
    const isNew = state.have.add(piece);
    this.#downloads.useHeld(nowMs);
    if (!isNew) return;
    state.newsMs = nowMs;
    if (piece === state.cursor) state.moveCursor();
    if (state.wanted.includes(piece))
      state.wanted = state.wanted.filter((other) => other !== piece);
    this.#orphans.arrived(nowMs, state, piece);
    this.#announcer.notePiece(nowMs, state, piece);
    this.#partWants.pump(nowMs, state);
    this.#sayComplete(state);
    this.#uploads.grantMore(nowMs);
  }

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
  ): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined) return;
    if (from === ORIGIN) this.#orphans.failed(nowMs, state, piece);
    else this.#downloads.failed(nowMs, state, piece, from, reason);
    const link = state.links.get(from);
    if (link !== undefined && reason === "busy") this.#partWants.busy(nowMs, link);
    this.#partWants.pump(nowMs, state);
    this.#downloads.useHeld(nowMs);
  }

  /** Where the foremost in-order reader waits; undefined when nobody reads. */
  readerAt(nowMs: number, task: Task, piece: number | undefined): void {
    void nowMs;
    const state = this.#context.tasks.get(task);
    if (state === undefined) return;
    state.reader = piece !== undefined && state.isPiece(piece) ? piece : undefined;
  }

  /** A random-access reader waits for these pieces: they go first, in this order. Replaces the last list. */
  want(nowMs: number, task: Task, pieces: readonly number[]): void {
    const state = this.#context.tasks.get(task);
    if (state === undefined) return;
    // While nobody waited, nothing came because nothing was asked for.
    if (state.isPart && state.wanted.length === 0) state.drySinceMs = nowMs;
    state.wanted = pieces.filter((piece) => state.isPiece(piece) && !state.have.has(piece));
    this.#partWants.pump(nowMs, state);
  }

  /** The supernode cannot be reached: every task may have to use its origin. */
  supernodeLost(nowMs: number): void {
    if (this.#context.isSupernodeLost) return;
    this.#context.isSupernodeLost = true;
    this.#context.supernodeLostMs = nowMs;
    this.#context.wakeForCheck(nowMs);
  }

  /** The supernode is back: no origin runs any more, except for tasks opened as orphans. */
  supernodeBack(nowMs: number): void {
    this.#context.isSupernodeLost = false;
    for (const state of this.#context.tasks.values()) {
      // It reads on from what is held; the same bytes would come twice.
      if (!state.isOrphan) this.#orphans.stop(state);
      // What it was asked for it does not know any more.
      state.asked.clear();
      state.offered.clear();
      this.#partWants.pump(nowMs, state);
    }
  }

  /** Does what is due: announcements, time-outs, end game, starving. See `SwarmOut.wake`. */
  tick(nowMs: number): void {
    this.#context.woken();
    if (nowMs - this.#checkedMs >= this.#context.options.checkMs) {
      this.#checkedMs = nowMs;
      this.#uploads.check(nowMs);
      for (const state of this.#context.tasks.values()) {
        this.#downloads.check(nowMs, state);
        this.#partWants.pump(nowMs, state);
      }
      this.#downloads.useHeld(nowMs);
      this.#downloads.checkHeld(nowMs);
    }
    for (const state of this.#context.tasks.values()) this.#orphans.check(nowMs, state);
    this.#announcer.flush(nowMs);
    this.#uploads.grantMore(nowMs);
    this.#keepChecking(nowMs);
  }

  #keepChecking(nowMs: number): void {
    let isBusy = false;
    for (const state of this.#context.tasks.values()) {
      if (this.#neighbourhood.checkUnheard(nowMs, state)) isBusy = true;
      const isFetching = state.isPart
        ? state.wanted.length + state.flights.length > 0
        : !state.isComplete;
      if (isFetching || (state.orphans?.runs.length ?? 0) > 0) isBusy = true;
    }
    if (isBusy || this.#uploads.hasOpenGrants) this.#context.wakeForCheck(nowMs);
  }

  #sayComplete(state: TaskState): void {
    if (!state.isComplete || state.saidComplete) return;
    state.saidComplete = true;
    this.#context.out.complete(state.task);
  }
}

function isPieceCount(pieceCount: number): boolean {
  return Number.isInteger(pieceCount) && pieceCount >= 0 && pieceCount <= PIECES_MAX;
}
