import type { Announcer } from "./announcer.ts";
import type { Link } from "./link.ts";
import type { PieceTimes } from "./piece-times.ts";
import { choosePiece, hasUsable, isUsable } from "./piece-choice.ts";
import type { SwarmContext } from "./swarm-context.ts";
import { ORIGIN, SEED, type Host } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";
import type { Uploads } from "./uploads.ts";

const MIB = 1024 * 1024;
const LIMIT_MAX_MS = 120_000;
const SEED_LIMIT_MIN_MS = 2000;
/** With so many failures in a row the seed is taken for broken. What is only late does not count: it has much to do. */
const SEED_FAILURES_MAX = 3;
/** How often one that is broken is tried. */
const SEED_TRY_MS = 1000;

/** The transfers that bring pieces in: their start, their end, and what is done when they are late. */
export class Downloads {
  readonly #context: SwarmContext;
  readonly #announcer: Announcer;
  readonly #uploads: Uploads;
  /** Grants that wait for a slot of ours, oldest first. */
  readonly #held: { readonly link: Link; readonly sinceMs: number }[] = [];

  constructor(context: SwarmContext, announcer: Announcer, uploads: Uploads) {
    this.#context = context;
    this.#announcer = announcer;
    this.#uploads = uploads;
  }

  /**
   * A neighbour has a slot for us: a piece is requested, the slot is given back, or, when all our own are
   * taken, kept for the moment until one of them is free: a slot given back for that would come again
   * a round trip later.
   */
  granted(nowMs: number, link: Link): void {
    const { options } = this.#context;
    if (this.#context.freeSlotsOf(link.state) > 0) {
      this.#use(nowMs, link);
      return;
    }
    if (this.#held.length < options.grantsHeld) {
      this.#held.push({ link, sinceMs: nowMs });
      this.#context.wakeForCheck(nowMs);
      return;
    }
    this.#declineFull(link);
  }

  /** A slot may have become free: grants that were kept for it are used, the oldest first. */
  useHeld(nowMs: number): void {
    for (let i = 0; i < this.#held.length;) {
      const { link } = this.#held[i]!;
      const isGone = link.index < 0;
      if (!isGone && this.#context.freeSlotsOf(link.state) === 0) {
        i += 1;
        continue;
      }
      this.#held.splice(i, 1);
      if (!isGone) this.#use(nowMs, link);
    }
  }

  /** Gives back grants that were kept in vain. */
  checkHeld(nowMs: number): void {
    const before = nowMs - this.#context.options.grantHoldMs;
    while (this.#held.length > 0 && this.#held[0]!.sinceMs <= before) {
      const { link } = this.#held.shift()!;
      if (link.index >= 0) this.#declineFull(link);
    }
    if (this.#held.length > 0) this.#context.wakeForCheck(nowMs);
  }

  #use(nowMs: number, link: Link): void {
    const { state } = link;
    const { options, out, random } = this.#context;
    const piece = this.isSource(nowMs, link) ? choosePiece(state, link, options, random) : -1;
    if (piece >= 0) this.#request(nowMs, state, piece, link.host);
    else out.decline(link.host, state.task, "nothing", this.#context.freeSlotsOf(state));
  }

  #declineFull(link: Link): void {
    link.state.toldFull = true;
    this.#context.out.decline(link.host, link.state.task, "full", 0);
  }

  /** The seed offers a piece. */
  offered(nowMs: number, state: TaskState, piece: number): void {
    const { downloads, options, out } = this.#context;
    const hasRoom = downloads < options.downloadSlots + options.offerExtraSlots;
    const isUseful = state.isPiece(piece) && !state.have.has(piece) && !state.flying.has(piece);
    // Somebody waits for it, and the seed would have to be asked once more.
    if (isUseful && !hasRoom && state.isPart) {
      state.offered.add(piece);
      return;
    }
    if (!hasRoom || !isUseful || !this.mayTrySeed(nowMs, state)) {
      out.refuseOffer(state.task, piece);
      return;
    }
    this.#request(nowMs, state, piece, SEED);
  }

  /** Fetches a piece that a reader waits for from a neighbour that holds it, or from the seed, which offered it. */
  fetch(nowMs: number, state: TaskState, piece: number, from: Host): void {
    this.#request(nowMs, state, piece, from);
  }

  /** A piece is stored: its transfers end, the others that were fetching it too are stopped. */
  arrived(nowMs: number, state: TaskState, piece: number, from: Host): void {
    for (let i = state.flights.length - 1; i >= 0; i--) {
      const flight = state.flights[i]!;
      if (flight.piece !== piece) continue;
      state.drySinceMs = nowMs;
      if (flight.from === SEED && from === SEED) {
        state.seedFailures = 0;
        state.seedBrokenMs = undefined;
      }
      if (flight.from === from) this.#noteDuration(state, from, nowMs - flight.startMs);
      else this.#context.out.abort(flight.from, state.task, piece);
      this.#end(nowMs, state, i);
    }
    const link = state.links.get(from);
    if (link !== undefined) link.failures = 0;
  }

  /** A transfer ended without a piece. */
  failed(
    nowMs: number,
    state: TaskState,
    piece: number,
    from: Host,
    reason: "corrupt" | "failed" | "busy",
  ): void {
    const { options, out } = this.#context;
    const index = state.flightIndex(piece, from);
    if (index >= 0) this.#end(nowMs, state, index);
    else if (reason !== "corrupt") return;
    if (index >= 0) this.#announcer.askAgain(nowMs, state);
    if (from === SEED) {
      if (index < 0) return;
      out.refuseOffer(state.task, piece);
      if (reason !== "busy") this.#noteSeedFailure(nowMs, state);
      return;
    }
    const link = state.links.get(from);
    if (link === undefined || reason === "busy") return;
    out.blame(state.task, from, piece, reason);
    link.failures += 1;
    if (reason === "corrupt") link.distrustedUntilMs = Infinity;
    this.#block(nowMs, link, options.blockMs * Math.min(link.failures, 6));
    // It may have lost the piece; asking for it over and over would hide its other pieces.
    if (link.failures > 1 && link.have.delete(piece)) {
      state.holders[piece]! -= 1;
      if (state.announced.has(piece) && link.takes(piece)) link.interest += 1;
    }
  }

  /** A seed that fails again and again gets one request at a time, now and then: most likely it is wasted. */
  mayTrySeed(nowMs: number, state: TaskState): boolean {
    if (state.seedBrokenMs === undefined) return true;
    const isTried = state.flights.some(({ from }) => from === SEED);
    return !isTried && nowMs - state.seedFailedMs >= SEED_TRY_MS;
  }

  #noteSeedFailure(nowMs: number, state: TaskState): void {
    state.seedFailures += 1;
    state.seedFailedMs = nowMs;
    if (state.seedFailures < SEED_FAILURES_MAX) return;
    state.seedBrokenMs ??= nowMs;
    this.#context.wakeForCheck(nowMs);
  }

  /** The neighbour is gone: what it was sending has to come from elsewhere. */
  drop(nowMs: number, link: Link): void {
    const { state } = link;
    for (let i = state.flights.length - 1; i >= 0; i--) {
      const flight = state.flights[i]!;
      if (flight.from !== link.host) continue;
      this.#context.out.abort(link.host, state.task, flight.piece);
      this.#end(nowMs, state, i);
      this.#announcer.askAgain(nowMs, state);
    }
  }

  /** Stops everything of the task. */
  abortAll(nowMs: number, state: TaskState): void {
    for (let i = state.flights.length - 1; i >= 0; i--) {
      const flight = state.flights[i]!;
      this.#context.out.abort(flight.from, state.task, flight.piece);
      this.#end(nowMs, state, i);
    }
  }

  /** Gives up what is late, doubles what is slow at the end, and says when nothing comes in. */
  check(nowMs: number, state: TaskState): void {
    if (state.isComplete) return;
    this.#unblock(nowMs, state);
    // Giving one up allows more time to the next, not to those that were begun with it.
    const limitMs = this.#limitMs(state, state.times);
    const seedLimitMs = this.#limitMs(state, state.seedTimes);
    for (let i = state.flights.length - 1; i >= 0; i--) {
      const { from, startMs } = state.flights[i]!;
      if (nowMs - startMs > (from === SEED ? seedLimitMs : limitMs)) this.#giveUp(nowMs, state, i);
    }
    const isServed = this.isHopeful(nowMs, state) || this.#isCrowdedOut(nowMs, state);
    if (isServed) state.drySinceMs = nowMs;
    // Somebody waits for each piece of a part, as for the last of a whole.
    if (state.isPart || state.missing <= this.#context.options.endgamePieces)
      this.#endgame(nowMs, state);
    if (state.isPart) return;
    this.#starve(nowMs, state);
    this.#context.wakeForCheck(nowMs);
  }

  /** Whether nothing has come in for this long, and nothing is about to. */
  isDry(nowMs: number, state: TaskState, forMs: number): boolean {
    return nowMs - state.drySinceMs >= forMs && !this.isHopeful(nowMs, state);
  }

  /**
   * Whether anything is in flight that may well arrive. What has taken longer than pieces do is only
   * waited for because there may be nothing better, and must not keep us from looking for that.
   */
  isHopeful(nowMs: number, state: TaskState): boolean {
    for (const { from, startMs } of state.flights) {
      const times = from === SEED ? state.seedTimes : state.times;
      if (nowMs - startMs <= this.#lateMs(state, times)) return true;
    }
    return false;
  }

  /** Whether other tasks, to which something comes, have all the slots: then it says nothing about neighbours. */
  #isCrowdedOut(nowMs: number, state: TaskState): boolean {
    if (this.#context.freeSlots > 0) return false;
    for (const other of this.#context.tasks.values()) {
      if (other !== state && this.isHopeful(nowMs, other)) return true;
    }
    return false;
  }

  /** How long a piece of this task may take at present, before it is given up. */
  #limitMs(state: TaskState, times: PieceTimes): number {
    return Math.min(times.patience * this.#lateMs(state, times), LIMIT_MAX_MS);
  }

  /** How long a piece of this task takes at most, by the figures there are. */
  #lateMs(state: TaskState, times: PieceTimes): number {
    const { firstTimeoutMs, timeoutMinMs, timeoutFactor } = this.#context.options;
    const firstMs = firstTimeoutMs * Math.max(1, state.pieceLengthBytes / MIB);
    return times === state.seedTimes
      ? times.limitMs(timeoutFactor + 1, SEED_LIMIT_MIN_MS, 2 * firstMs)
      : times.limitMs(timeoutFactor, timeoutMinMs, firstMs);
  }

  #request(nowMs: number, state: TaskState, piece: number, from: Host): void {
    state.flights.push({ piece, from, startMs: nowMs });
    state.flying.add(piece);
    this.#context.downloads += 1;
    this.#context.out.request(from, state.task, piece);
    this.#context.wakeForCheck(nowMs);
  }

  #end(nowMs: number, state: TaskState, index: number): void {
    const { piece } = state.flights[index]!;
    state.flights.splice(index, 1);
    if (!state.flights.some((flight) => flight.piece === piece)) state.flying.delete(piece);
    this.#context.downloads -= 1;
    this.#announcer.noteFreed(nowMs);
  }

  #noteDuration(state: TaskState, from: Host, durationMs: number): void {
    if (from === ORIGIN) return;
    if (from === SEED) {
      state.seedTimes.add(durationMs);
      return;
    }
    state.times.add(durationMs);
    this.#uploads.noteWait(durationMs, state.pieceLengthBytes);
  }

  #giveUp(nowMs: number, state: TaskState, index: number): void {
    const { piece, from, startMs } = state.flights[index]!;
    const { out, options } = this.#context;
    out.abort(from, state.task, piece);
    (from === SEED ? state.seedTimes : state.times).giveUp(nowMs, startMs);
    this.#end(nowMs, state, index);
    this.#announcer.askAgain(nowMs, state);
    const link = state.links.get(from);
    if (from === SEED) out.refuseOffer(state.task, piece);
    if (link === undefined) return;
    out.blame(state.task, from, piece, "slow");
    this.#block(nowMs, link, options.blockMs);
  }

  #block(nowMs: number, link: Link, forMs: number): void {
    link.blockedUntilMs = Math.max(link.blockedUntilMs, nowMs + forMs);
  }

  /** One whose grants were declined meanwhile gives no more of them before it is asked. */
  #unblock(nowMs: number, state: TaskState): void {
    for (const link of state.links.values()) {
      if (link.blockedUntilMs === 0 || nowMs < link.blockedUntilMs) continue;
      link.blockedUntilMs = 0;
      this.#announcer.askAgain(nowMs, state);
    }
  }

  /**
   * A blocked source is better than none, unless its pieces were wrong; at once where it was only slow. One that fails may do so at
   * once, and would be asked for all that it has in no time.
   */
  isSource(nowMs: number, link: Link): boolean {
    if (!this.#isTrusted(nowMs, link)) return false;
    if (nowMs >= link.blockedUntilMs) return true;
    if (link.failures === 0 && !this.#hasBetter(nowMs, link)) return true;
    return this.isDry(nowMs, link.state, 2 * this.#context.options.starveMs);
  }

  #isTrusted(nowMs: number, link: Link): boolean {
    return (
      nowMs >= link.distrustedUntilMs && nowMs >= (this.#context.outUntilMs.get(link.host) ?? 0)
    );
  }

  /** Whether another neighbour has anything for us and is not blocked: a moment in which all are late says nothing about one. */
  #hasBetter(nowMs: number, than: Link): boolean {
    const { state } = than;
    for (const link of state.links.values()) {
      if (link === than || nowMs < link.blockedUntilMs || !this.#isTrusted(nowMs, link)) continue;
      if (hasUsable(state, link)) return true;
    }
    return false;
  }

  #endgame(nowMs: number, state: TaskState): void {
    const { options } = this.#context;
    const room = options.downloadSlots + options.offerExtraSlots - this.#context.downloads;
    if (state.flights.length === 0 || room <= 0) return;
    // Parts are always at their end: what is only slower than most comes sooner when nothing is sent beside it.
    const usualMs = 2 * state.times.quantile(state.isPart ? 0.9 : 0.5);
    const late = state.flights.filter(({ startMs, from }) => {
      return (
        nowMs - startMs >
        (usualMs > 0 ? usualMs : this.#lateMs(state, from === SEED ? state.seedTimes : state.times))
      );
    });
    for (const flight of late.slice(0, room)) {
      if (state.flights.some((other) => other !== flight && other.piece === flight.piece)) continue;
      const second = this.#otherSource(nowMs, state, flight.piece, flight.from);
      if (second !== undefined) this.#request(nowMs, state, flight.piece, second.host);
    }
  }

  #otherSource(nowMs: number, state: TaskState, piece: number, from: Host): Link | undefined {
    let chosen: Link | undefined;
    let seen = 0;
    state.flying.delete(piece);
    for (const link of state.links.values()) {
      if (link.host === from || !isUsable(state, link, piece)) continue;
      if (!this.isSource(nowMs, link)) continue;
      seen += 1;
      if (this.#context.random() * seen < 1) chosen = link;
    }
    state.flying.add(piece);
    return chosen;
  }

  #starve(nowMs: number, state: TaskState): void {
    const { options, out } = this.#context;
    if (this.#context.freeSlots === 0 || !this.isDry(nowMs, state, options.starveMs)) return;
    if (nowMs < state.starvedMs + state.starveGapMs) return;
    // The gap grows over interruptions too: with a slow origin everybody starves between pieces.
    const isNew = nowMs - state.starvedMs > 4 * state.starveGapMs;
    const gapMs = isNew ? options.starveMs : 2 * state.starveGapMs;
    state.starveGapMs = Math.min(options.starveMaxMs, gapMs);
    state.starvedMs = nowMs;
    this.#announcer.askAgain(nowMs, state);
    // A supernode that was started anew has forgotten whose pieces were wrong, and may count on them.
    for (const link of state.links.values()) {
      const isDistrusted = nowMs < link.distrustedUntilMs;
      if (isDistrusted) out.blame(state.task, link.host, state.cursor, "corrupt");
    }
    out.starve(state.task);
  }
}
