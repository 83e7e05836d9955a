import type { SchedulerContext } from "./scheduler-context.ts";
import type { Host } from "./scheduler-out.ts";
import type { TaskRecord } from "./task-record.ts";

const RANDOM_TRIES = 16;
const LATE_FACTOR = 4;
const LATE_MIN_MS = 100;
const LATE_OFFERS_FACTOR = 3;
const REFUSALS_MAX = 5;
/** Bytes per second assumed of a host that did not say what it can upload. */
const USUAL_RATE = 125_000_000;

interface OfferInFlight {
  readonly record: TaskRecord;
  readonly host: Host;
  readonly piece: number;
  readonly sinceMs: number;
}

/**
 * Gives the seed's pieces out: each fresh one to one member, as many at a time as keep the seed's
 * link full and no more, all tasks in turn.
 */
export class SeedPump {
  readonly #context: SchedulerContext;
  readonly #inFlight = new Map<string, OfferInFlight>();
  readonly #perHost = new Map<Host, number>();
  /** How often hosts refused since they last took an offer to its end. */
  readonly #refusals = new Map<Host, number>();
  /** Hosts that keep an offer for longer than usual: they get no more meanwhile. */
  readonly #late = new Set<Host>();
  /** The usual time from offer to end. */
  #usualMs = 0;
  #turn = 0;

  constructor(context: SchedulerContext) {
    this.#context = context;
  }

  /** How long a piece usually takes from the offer to its last byte; 0 while that is not known. */
  get usualMs(): number {
    return this.#usualMs;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  /** Makes offers until enough is in flight. */
  pump(nowMs: number): void {
    const records = [...this.#context.busy].filter((record) => this.hasGifts(record));
    let inFlightBytes = this.#inFlightBytes(nowMs);
    let idle = 0;
    while (records.length > 0 && idle < records.length) {
      const record = records[this.#turn++ % records.length]!;
      const hasRoom = inFlightBytes + record.pieceLengthBytes <= this.#limitBytes(record);
      if (!hasRoom || !(this.#giveFresh(nowMs, record) || this.#giveSpare(nowMs, record))) {
        idle += 1;
        continue;
      }
      idle = 0;
      inFlightBytes += record.pieceLengthBytes;
    }
  }

  /** Whether the task has pieces to give away and somebody who lacks some. */
  hasGifts({ incompleteCount, ledger, spare }: TaskRecord): boolean {
    return incompleteCount > 0 && (ledger.fresh.count > 0 || spare.length > 0);
  }

  /** Whether one more offer of the task fits into what may be in flight. */
  hasRoom(nowMs: number, record: TaskRecord): boolean {
    const bytes = this.#inFlightBytes(nowMs) + record.pieceLengthBytes;
    return bytes <= this.#limitBytes(record);
  }

  #limitBytes(record: TaskRecord): number {
    const { options, seedBytesPerSecond } = this.#context;
    const aheadBytes = (seedBytesPerSecond * options.offerAheadMs) / 1000;
    return aheadBytes + options.offerPieces * record.pieceLengthBytes;
  }

  /** Offers a piece to a member whatever else is in flight; for members that nothing else helps. */
  give(nowMs: number, record: TaskRecord, host: Host, piece: number): void {
    const key = offerKey(record, host, piece);
    if (this.#inFlight.has(key)) return;
    this.#inFlight.set(key, { record, host, piece, sinceMs: nowMs });
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1);
    record.ledger.began(host, piece);
    if (record.ledger.fresh.has(piece)) record.ledger.offer(nowMs, host, piece);
    this.#context.out.offer(host, record.task, piece);
    this.#context.wake(nowMs + LATE_MIN_MS);
  }

  /** The transfer is over. False if none was known of. */
  ended(nowMs: number, record: TaskRecord, host: Host, piece: number): boolean {
    const offer = this.#remove(offerKey(record, host, piece));
    if (offer === undefined) return false;
    record.ledger.sent(nowMs, host, piece);
    this.#refusals.delete(host);
    const tookMs = nowMs - offer.sinceMs;
    this.#usualMs = this.#usualMs === 0 ? tookMs : 0.9 * this.#usualMs + 0.1 * tookMs;
    return true;
  }

  /** The member refused: the piece is fresh again, and the member is left alone for a moment. */
  refused(nowMs: number, record: TaskRecord, host: Host, piece: number): void {
    const offer = this.#remove(offerKey(record, host, piece));
    if (offer === undefined) {
      // It gave up a transfer that the seed had ended already.
      if (record.ledger.unconfirmed.get(piece)?.host === host) record.ledger.renew(nowMs, piece);
      return;
    }
    this.#takeBack(nowMs, record, host, piece);
    const { offerTimeoutMs, refusalPauseMs } = this.#context.options;
    // One that gave up after a long while is slow; a full one may have room again at once.
    const isSlow = nowMs - offer.sinceMs > this.#lateMs;
    // Offers that crossed the first refusal are refused as well, and mean nothing new.
    if (!isSlow && (record.paused.get(host) ?? 0) > nowMs) return;
    const refusals = this.#refusals.get(host) ?? 0;
    this.#refusals.set(host, Math.min(REFUSALS_MAX, refusals + 1));
    const pauseMs = isSlow ? offerTimeoutMs : refusalPauseMs * 2 ** refusals;
    record.paused.set(host, nowMs + pauseMs);
    this.#context.wake(nowMs + pauseMs);
  }

  /** Forgets the offers of a task to a host. */
  drop(nowMs: number, host: Host, record: TaskRecord): void {
    this.#refusals.delete(host);
    if (!this.#perHost.has(host)) return;
    for (const [key, offer] of this.#inFlight) {
      if (offer.host !== host || offer.record !== record) continue;
      this.#remove(key);
      this.#takeBack(nowMs, offer.record, host, offer.piece);
    }
  }

  /** Forgets how often a host that is gone refused. */
  forget(host: Host): void {
    this.#refusals.delete(host);
  }

  /** Forgets a task. */
  dropTask(record: TaskRecord): void {
    for (const [key, offer] of this.#inFlight) if (offer.record === record) this.#remove(key);
  }

  /** Takes back offers that nobody heard of again. */
  expire(nowMs: number): void {
    const { options } = this.#context;
    const limitMs =
      this.#usualMs === 0
        ? options.offerTimeoutMs
        : Math.max(options.offerTimeoutMinMs, 2 * LATE_FACTOR * this.#usualMs);
    for (const [key, offer] of this.#inFlight) {
      if (nowMs - offer.sinceMs < limitMs) continue;
      this.#remove(key);
      this.#takeBack(nowMs, offer.record, offer.host, offer.piece);
      offer.record.paused.set(offer.host, nowMs + options.offerTimeoutMs);
    }
  }

  #takeBack(nowMs: number, record: TaskRecord, host: Host, piece: number): void {
    if (record.ledger.unconfirmed.get(piece)?.host === host) record.ledger.renew(nowMs, piece);
  }

  #remove(key: string): OfferInFlight | undefined {
    const offer = this.#inFlight.get(key);
    if (offer === undefined) return undefined;
    this.#inFlight.delete(key);
    offer.record.ledger.ended(offer.host, offer.piece);
    const count = this.#perHost.get(offer.host)! - 1;
    if (count === 0) this.#perHost.delete(offer.host);
    else this.#perHost.set(offer.host, count);
    return offer;
  }

  get #lateMs(): number {
    if (this.#usualMs === 0) return this.#context.options.offerTimeoutMs;
    return Math.max(LATE_MIN_MS, LATE_FACTOR * this.#usualMs);
  }

  /** Bytes on their way. A receiver that hangs must not stop the seed, so late ones do not count. */
  #inFlightBytes(nowMs: number): number {
    const lateMs = this.#lateMs;
    let bytes = 0;
    let allBytes = 0;
    this.#late.clear();
    for (const offer of this.#inFlight.values()) {
      allBytes += offer.record.pieceLengthBytes;
      if (nowMs - offer.sinceMs < lateMs) bytes += offer.record.pieceLengthBytes;
      else this.#late.add(offer.host);
    }
    // When everything is late it is the seed's own link that is slow, and more would make it worse.
    return Math.max(bytes, allBytes / LATE_OFFERS_FACTOR);
  }

  #giveFresh(nowMs: number, record: TaskRecord): boolean {
    const piece = record.ledger.fresh.firstPresent();
    if (piece < 0 || record.incompleteCount === 0) return false;
    const host = this.#receiver(nowMs, record, piece);
    if (host === undefined) return false;
    this.give(nowMs, record, host, piece);
    return true;
  }

  #giveSpare(nowMs: number, record: TaskRecord): boolean {
    if (record.spare.length === 0) return false;
    // They were planned for fewer.
    if (record.members.size > this.#context.options.fewMembers + 1) record.spare = [];
    for (let next = record.spare.pop(); next !== undefined; next = record.spare.pop()) {
      if (!record.members.has(next.host) || !this.#canTake(nowMs, record, next.host)) continue;
      this.give(nowMs, record, next.host, next.piece);
      return true;
    }
    return false;
  }

  #receiver(nowMs: number, record: TaskRecord, piece: number): Host | undefined {
    const { members } = record;
    const { groups } = members.zones;
    if (groups.length > 1) {
      const group = this.#context.oneOf(groups)!;
      const owner = group.owners[piece & 63];
      if (owner !== undefined && this.#canTake(nowMs, record, owner)) return owner;
      const other = this.#someMember(nowMs, record, group.members);
      if (other !== undefined) return other;
    }
    const chosen = this.#someMember(nowMs, record, members.hosts);
    if (chosen !== undefined) return chosen;
    const able = members.hosts.find((host) => this.#canTake(nowMs, record, host));
    if (able !== undefined) return able;
    // All that are left are out. They are sources for nobody, but they are served.
    if (
      members.hosts.some((host) => !members.isComplete(host) && !this.#context.isOut(nowMs, host))
    )
      return undefined;
    return members.hosts.find((host) => this.#hasRoom(nowMs, record, host));
  }

  #someMember(nowMs: number, record: TaskRecord, hosts: readonly Host[]): Host | undefined {
    let best: Host | undefined;
    let bestLoad = Infinity;
    let left = 2;
    for (let i = 0; i < RANDOM_TRIES && left > 0; i++) {
      const host = this.#context.oneOf(hosts);
      if (host === undefined || !this.#canTake(nowMs, record, host)) continue;
      left -= 1;
      const rate = this.#context.hosts.get(host)?.uploadBytesPerSecond ?? 0;
      const load = ((this.#perHost.get(host) ?? 0) + 1) / (rate > 0 ? rate : USUAL_RATE);
      if (load >= bestLoad) continue;
      best = host;
      bestLoad = load;
    }
    return best;
  }

  #canTake(nowMs: number, record: TaskRecord, host: Host): boolean {
    if (this.#late.has(host) && record.incompleteCount > 1) return false;
    return this.#hasRoom(nowMs, record, host) && !this.#context.isOut(nowMs, host);
  }

  #hasRoom(nowMs: number, record: TaskRecord, host: Host): boolean {
    if (record.members.isComplete(host)) return false;
    if ((this.#perHost.get(host) ?? 0) >= this.#context.options.offersPerHost) return false;
    return (record.paused.get(host) ?? 0) <= nowMs;
  }
}

function offerKey(record: TaskRecord, host: Host, piece: number): string {
  return `${record.task}/${host}/${piece}`;
}
