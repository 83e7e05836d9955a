import type { Bitmap } from "../../protocol/bitmap.ts";
import type { NeighbourChoice } from "./neighbour-choice.ts";
import type { SchedulerContext } from "./scheduler-context.ts";
import type { Host } from "./scheduler-out.ts";
import type { SeedPump } from "./seed-pump.ts";
import type { TaskRecord } from "./task-record.ts";

const HUNGER_FORGOTTEN_MS = 20_000;
const LOOK_AGAIN_MS = 5000;
/** Who starves for so long and has got nothing will not get what others are said to hold. */
const DOUBT_AFTER_MS = 15_000;
const ASKED_MAX = 1;
const GIVE_LEVEL = 3;
const GIVEN_MAX = 4;
const HOLDERS_MAX = 3;
const TAIL_PIECES = 16;
const HOARDED_MIN = 8;
const MEMBERS_PER_SENTINEL = 8;
/** How long a piece needs to get to everybody. */
const SPREAD_MS = 500;
const FEW_EVERY_MS = 250;
/** What the seed has sent may wait in the buffers of two hosts before the receiver holds it. */
const GRACE_MIN_MS = 1000;

/**
 * Finds out what went wrong without reports per piece: first copies that got lost, members that get
 * nothing, a seed that idles beside a handful of members.
 */
export class Repair {
  readonly #context: SchedulerContext;
  readonly #pump: SeedPump;
  readonly #choice: NeighbourChoice;

  constructor(context: SchedulerContext, pump: SeedPump, choice: NeighbourChoice) {
    this.#context = context;
    this.#pump = pump;
    this.#choice = choice;
  }

  /** A member starves: it is asked what it holds, and helped with the answer. */
  starving(nowMs: number, record: TaskRecord, host: Host): void {
    const hunger = record.hungry.get(host);
    if (hunger === undefined) {
      record.hungry.set(host, { level: 1, lastMs: nowMs, held: 0, heldMs: nowMs });
    } else {
      hunger.level += 1;
      hunger.lastMs = nowMs;
    }
    this.#context.ask(nowMs, record, host);
    this.#context.wake(nowMs + HUNGER_FORGOTTEN_MS);
  }

  /** A member said what it holds. */
  heard(nowMs: number, record: TaskRecord, host: Host, have: Bitmap): void {
    record.asked.delete(host);
    // What a host that is out claims to hold would keep pieces from being given to others.
    if (!this.#context.isOut(nowMs, host)) {
      record.ledger.learn(nowMs, host, have, Math.max(GRACE_MIN_MS, this.#pump.usualMs));
    }
    const isComplete = have.isFull && have.length >= record.ledger.pieceCount && have.length > 0;
    record.members.setComplete(host, isComplete);
    if (isComplete) {
      record.hungry.delete(host);
      return;
    }
    const hunger = record.hungry.get(host);
    if (hunger !== undefined && nowMs - hunger.lastMs < 1000) {
      if (hunger.held !== have.count) {
        hunger.held = have.count;
        hunger.heldMs = nowMs;
      }
      if (nowMs - hunger.heldMs >= DOUBT_AFTER_MS) record.ledger.doubt(have);
      this.#feed(nowMs, record, host, have, hunger.level);
    }
    if (this.#isIdle(record)) this.#spare(record, host, have);
  }

  /** Looks after what is due; true if there will be more to look after. */
  check(nowMs: number, record: TaskRecord): boolean {
    for (const [host, hunger] of record.hungry) {
      if (nowMs - hunger.lastMs > HUNGER_FORGOTTEN_MS) record.hungry.delete(host);
    }
    for (const [host, untilMs] of record.paused) if (untilMs <= nowMs) record.paused.delete(host);
    for (const [host, askedMs] of record.asked) {
      if (nowMs - askedMs > LOOK_AGAIN_MS) record.asked.delete(host);
    }
    if (record.ledger.unconfirmed.size > 0 && nowMs >= record.confirmAtMs) {
      const { confirmEveryMs } = this.#context.options;
      record.confirmAtMs = nowMs + Math.max(confirmEveryMs, 4 * this.#pump.usualMs);
      this.#confirm(nowMs, record);
    }
    const isIdle = this.#isIdle(record);
    if (isIdle && nowMs >= record.fewAtMs) {
      record.fewAtMs = nowMs + FEW_EVERY_MS;
      for (const host of record.members.hosts) {
        if (!record.members.isComplete(host)) this.#context.ask(nowMs, record, host);
      }
    }
    const { fresh, unconfirmed } = record.ledger;
    const hasFresh = fresh.count > 0 && record.incompleteCount > 0;
    const isWaited = record.hungry.size + record.asked.size + record.paused.size > 0;
    return isIdle || hasFresh || isWaited || unconfirmed.size > 0;
  }

  /** The seed has given everything once, and there are too few members to be fast on their own. */
  #isIdle(record: TaskRecord): boolean {
    const { fewMembers } = this.#context.options;
    const { incompleteCount, members } = record;
    if (incompleteCount === 0 || incompleteCount > fewMembers) return false;
    if (members.size > fewMembers + 1) return false;
    return record.ledger.fresh.count === 0 && record.ledger.ready.count > 0;
  }

  /** Further copies for one of few members, from the end, where its neighbours are not yet. */
  #spare(record: TaskRecord, host: Host, have: Bitmap): void {
    const lacking = record.ledger.lacking(have, Infinity);
    const others = record.spare.filter((next) => next.host !== host);
    record.spare = others;
    if (lacking.length <= TAIL_PIECES) return;
    const { seedBytesPerSecond } = this.#context;
    const aheadBytes = (seedBytesPerSecond * FEW_EVERY_MS) / 1000;
    const count = Math.max(2, Math.ceil(aheadBytes / record.pieceLengthBytes));
    const last = lacking.slice(-Math.min(count, lacking.length - TAIL_PIECES));
    for (const piece of last) {
      if (record.ledger.unconfirmed.get(piece)?.host !== host) record.spare.push({ host, piece });
    }
  }

  #feed(nowMs: number, record: TaskRecord, host: Host, have: Bitmap, level: number): void {
    const { ledger, members } = record;
    const lacking = ledger.lacking(have, nowMs - SPREAD_MS);
    // Nothing is to be had for anybody: the origin is the slow one.
    const isHeldElsewhere = members.completeCount > 0 || ledger.held().count > have.count;
    if (lacking.length === 0 && !isHeldElsewhere) return;
    this.#choice.more(nowMs, record, host);
    if (level > 1) {
      for (const piece of lacking) ledger.giveUp(nowMs, piece, nowMs - SPREAD_MS);
      this.#introduceHolders(nowMs, record, host, lacking, level);
    }
    this.#choice.takeOver(nowMs, record, host, lacking);
    if (level < GIVE_LEVEL) return;
    this.#giveHoarded(record, host, lacking);
    this.#choice.bringInAll(record, host);
    for (const piece of lacking.slice(0, GIVEN_MAX)) {
      // When everybody starves it is because the seed is slow, and more at a time makes it slower.
      if (!this.#pump.hasRoom(nowMs, record)) return;
      this.#pump.give(nowMs, record, host, piece);
    }
  }

  /**
   * Gives out again what one member alone is said to hold of what another starves for, if that is most of it: pieces
   * that somebody gives away are soon known to be elsewhere as well.
   */
  #giveHoarded(record: TaskRecord, host: Host, lacking: readonly number[]): void {
    const hoarded = new Map<Host, number[]>();
    for (const piece of lacking) {
      const [holder, other] = record.ledger.holders(piece);
      if (holder === undefined || other !== undefined || holder === host) continue;
      const pieces = hoarded.get(holder);
      if (pieces === undefined) hoarded.set(holder, [piece]);
      else pieces.push(piece);
    }
    for (const pieces of hoarded.values()) {
      if (pieces.length < Math.max(HOARDED_MIN, lacking.length / 2)) continue;
      for (const piece of pieces) record.ledger.forgetHolder(piece);
    }
  }

  #introduceHolders(
    nowMs: number,
    record: TaskRecord,
    host: Host,
    lacking: readonly number[],
    level: number,
  ): void {
    const holders = new Set<Host>();
    for (const piece of lacking.slice(0, GIVEN_MAX * level)) {
      for (const holder of record.ledger.holders(piece)) {
        if (holder === host || !record.members.has(holder)) continue;
        if (!this.#context.isOut(nowMs, holder)) holders.add(holder);
      }
    }
    for (const holder of [...holders].slice(0, HOLDERS_MAX)) {
      this.#choice.introduce(record, host, holder);
    }
  }

  /** Asks some members at random, and the receivers of the oldest first copies. */
  #confirm(nowMs: number, record: TaskRecord): void {
    const { options } = this.#context;
    const { ledger, members } = record;
    // Each holds most of what has been offered: of a few members one tells as much as three of many.
    const sentinels = Math.min(options.sentinels, Math.ceil(members.size / MEMBERS_PER_SENTINEL));
    const confirmAfterMs = Math.max(options.confirmAfterMs, 2 * this.#pump.usualMs);
    const asked = new Set<Host>();
    let hasOld = false;
    for (const offer of ledger.unconfirmed.values()) {
      if (offer.isInFlight) continue;
      const others = ledger.holders(offer.piece).filter((holder) => holder !== offer.host);
      if (others.length > 0 || (offer.host >= 0 && members.isComplete(offer.host))) {
        ledger.unconfirmed.delete(offer.piece);
        continue;
      }
      if (nowMs - offer.atMs < confirmAfterMs) continue;
      hasOld = true;
      if (offer.host >= 0 && ledger.holders(offer.piece).length > 0) {
        offer.atMs = nowMs + LOOK_AGAIN_MS;
      } else if (offer.asked >= ASKED_MAX) {
        ledger.renew(nowMs, offer.piece);
      } else if (offer.host < 0) {
        offer.asked += 1;
      } else if (asked.size < sentinels || asked.has(offer.host)) {
        offer.asked += 1;
        asked.add(offer.host);
      }
    }
    if (members.size >= 2 && (hasOld || ledger.unconfirmed.size > 0)) {
      for (let i = 0; i < sentinels; i++) {
        const host = this.#context.oneOf(members.hosts);
        if (host !== undefined && !members.isComplete(host)) asked.add(host);
      }
    }
    for (const host of asked) if (members.has(host)) this.#context.ask(nowMs, record, host);
  }
}
