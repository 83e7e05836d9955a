import { Bitmap } from "../../protocol/bitmap.ts";
import type { Host } from "./scheduler-out.ts";

/** Who was to get a first copy. */
export interface Offer {
  /** The receiver; -1 when the holders that were known are gone. */
  readonly host: Host;
  readonly piece: number;
  /** When the seed had sent it, or it was last looked into. */
  atMs: number;
  /** The seed is still sending, as far as known. */
  isInFlight: boolean;
  /** How often the receiver has been asked about it in vain. */
  asked: number;
}

const NOBODY = -1;

/**
 * Where the pieces of a task are, as far as the supernode must know: ready at the seed, fresh (given
 * to nobody), offered but seen at nobody else, or held by one or two members known by name.
 */
export class PieceLedger {
  readonly ready: Bitmap;
  /** Ready, and neither offered nor held by anybody. */
  readonly fresh: Bitmap;
  /** Offers that nobody but the receiver is known to have got. */
  readonly unconfirmed = new Map<number, Offer>();
  /** Who is being sent a copy of each piece right now. */
  readonly #inFlight = new Map<number, Host[]>();
  /** Pieces that somebody starves for although others are said to hold them. */
  #doubted: Bitmap | undefined;
  /** Pieces with fewer than two holders known. */
  readonly #thin: Bitmap;
  #firstHolder: Int32Array;
  #secondHolder: Int32Array;
  /** When each piece was last given out; 0 for never. */
  #givenMs: Float64Array;

  constructor(pieceCount: number) {
    this.ready = new Bitmap(pieceCount);
    this.fresh = new Bitmap(pieceCount);
    this.#thin = Bitmap.full(pieceCount);
    this.#firstHolder = new Int32Array(pieceCount).fill(NOBODY);
    this.#secondHolder = new Int32Array(pieceCount).fill(NOBODY);
    this.#givenMs = new Float64Array(pieceCount);
  }

  get pieceCount(): number {
    return this.ready.length;
  }

  isPiece(piece: number): boolean {
    return Number.isInteger(piece) && piece >= 0 && piece < this.ready.length;
  }

  grow(pieceCount: number): void {
    const before = this.pieceCount;
    this.ready.grow(pieceCount);
    this.fresh.grow(pieceCount);
    this.#thin.grow(pieceCount);
    this.#doubted?.grow(pieceCount);
    for (let piece = before; piece < pieceCount; piece++) this.#thin.add(piece);
    this.#firstHolder = widened(this.#firstHolder, pieceCount);
    this.#secondHolder = widened(this.#secondHolder, pieceCount);
    const givenMs = new Float64Array(pieceCount);
    givenMs.set(this.#givenMs);
    this.#givenMs = givenMs;
  }

  /** The seed can serve a piece now. */
  addReady(piece: number): void {
    if (!this.ready.add(piece)) return;
    if (!this.isHeld(piece) && !this.unconfirmed.has(piece)) this.fresh.add(piece);
  }

  /** A member is known to hold the piece. */
  isHeld(piece: number): boolean {
    return this.#firstHolder[piece] !== NOBODY;
  }

  /** The members known to hold a piece, at most two. */
  holders(piece: number): Host[] {
    return [this.#firstHolder[piece]!, this.#secondHolder[piece]!].filter((h) => h !== NOBODY);
  }

  /** A piece was given out. */
  offer(nowMs: number, host: Host, piece: number): void {
    this.fresh.delete(piece);
    this.#givenMs[piece] = nowMs;
    const offer = { host, piece, atMs: nowMs, isInFlight: true, asked: 0 };
    this.unconfirmed.set(piece, offer);
  }

  /**
   * What somebody lacks although the seed gave it away a while ago: ready, not fresh, and not given
   * out after `beforeMs`.
   */
  lacking(have: Bitmap, beforeMs: number): number[] {
    const lacking: number[] = [];
    for (const piece of this.ready) {
      if (have.has(piece) || this.fresh.has(piece) || this.#givenMs[piece]! > beforeMs) continue;
      lacking.push(piece);
    }
    return lacking;
  }

  /** The seed begins to send a copy, the first or a further one. */
  began(host: Host, piece: number): void {
    const hosts = this.#inFlight.get(piece);
    if (hosts === undefined) this.#inFlight.set(piece, [host]);
    else hosts.push(host);
  }

  /** The seed does not send this copy any more. */
  ended(host: Host, piece: number): void {
    const hosts = this.#inFlight.get(piece);
    const place = hosts?.indexOf(host) ?? -1;
    if (hosts === undefined || place < 0) return;
    if (hosts.length === 1) this.#inFlight.delete(piece);
    else hosts.splice(place, 1);
  }

  /**
   * The piece has to be given out again, unless it is held. While a further copy is on its way, that
   * one takes the place of the first.
   */
  renew(nowMs: number, piece: number): void {
    const next = this.#inFlight.get(piece)?.[0];
    if (next !== undefined) {
      const offer = { host: next, piece, atMs: nowMs, isInFlight: true, asked: 0 };
      this.unconfirmed.set(piece, offer);
      return;
    }
    this.unconfirmed.delete(piece);
    if (this.ready.has(piece) && !this.isHeld(piece)) this.fresh.add(piece);
  }

  /**
   * Gives a piece out again whose receiver got it before `beforeMs`, as it seems, but was never heard
   * to hold it.
   */
  giveUp(nowMs: number, piece: number, beforeMs: number): void {
    const offer = this.unconfirmed.get(piece);
    if (offer === undefined || offer.isInFlight || offer.atMs > beforeMs) return;
    if (!this.isHeld(piece)) this.renew(nowMs, piece);
  }

  /**
   * The seed has sent a piece; what is on its way still takes a moment to arrive. A further copy that
   * was sent before the first takes its place.
   */
  sent(nowMs: number, host: Host, piece: number): void {
    const offer = this.unconfirmed.get(piece);
    if (offer === undefined || (offer.host !== host && !offer.isInFlight)) return;
    this.unconfirmed.set(piece, { host, piece, atMs: nowMs, isInFlight: false, asked: 0 });
  }

  /** Takes up what a member says that it holds. What it was sent over `graceMs` ago it should hold. */
  learn(nowMs: number, host: Host, have: Bitmap, graceMs: number): void {
    const words = have.words;
    const thin = this.#thin.words;
    const count = Math.min(words.length, thin.length);
    for (let i = 0; i < count; i++) {
      let bits = words[i]! & thin[i]!;
      while (bits !== 0) {
        const piece = (i << 5) | (31 - Math.clz32(bits & -bits));
        bits &= bits - 1;
        this.#learnPiece(host, piece);
      }
    }
    for (const offer of this.unconfirmed.values()) {
      if (offer.host !== host || offer.isInFlight) continue;
      if (have.has(offer.piece)) offer.asked = 0;
      else if (nowMs - offer.atMs > graceMs) this.renew(nowMs, offer.piece);
    }
  }

  /** A member is gone: what only it had is fresh again, what only it was known for is looked into. */
  forget(nowMs: number, host: Host): void {
    const first = this.#firstHolder;
    const second = this.#secondHolder;
    for (let piece = 0; piece < first.length; piece++) {
      if (second[piece] === host) second[piece] = NOBODY;
      else if (first[piece] === host) {
        first[piece] = second[piece]!;
        second[piece] = NOBODY;
      } else continue;
      this.#thin.add(piece);
      if (first[piece] !== NOBODY || this.unconfirmed.has(piece)) continue;
      const offer = { host: NOBODY, piece, atMs: nowMs, isInFlight: false, asked: 0 };
      this.unconfirmed.set(piece, offer);
    }
    this.renewOffersTo(nowMs, host);
  }

  /** Whoever is said to hold the piece does not count until it says so again. */
  forgetHolder(piece: number): void {
    this.#firstHolder[piece] = NOBODY;
    this.#secondHolder[piece] = NOBODY;
    this.#thin.add(piece);
    if (this.ready.has(piece) && !this.unconfirmed.has(piece)) this.fresh.add(piece);
  }

  /** The host will not pass on what it was offered. */
  renewOffersTo(nowMs: number, host: Host): void {
    for (const offer of this.unconfirmed.values()) {
      if (offer.host === host) this.renew(nowMs, offer.piece);
    }
  }

  /** The holders of what this member lacks cannot be relied on, by all appearances. */
  doubt(have: Bitmap): void {
    const doubted = (this.#doubted ??= new Bitmap(this.pieceCount));
    for (let piece = 0; piece < this.pieceCount; piece++) {
      if (!have.has(piece) && !this.ready.has(piece)) doubted.add(piece);
    }
  }

  /**
   * The pieces with a known holder, and those whose holders are gone while others are being asked. Without those
   * that are doubted.
   */
  held(): Bitmap {
    const held = new Bitmap(this.pieceCount);
    for (let piece = 0; piece < this.pieceCount; piece++) if (this.isHeld(piece)) held.add(piece);
    for (const { host, piece } of this.unconfirmed.values()) if (host === NOBODY) held.add(piece);
    for (const piece of this.#doubted ?? []) held.delete(piece);
    return held;
  }

  #learnPiece(host: Host, piece: number): void {
    const first = this.#firstHolder[piece]!;
    if (first === host) return;
    if (first === NOBODY) {
      this.#firstHolder[piece] = host;
    } else {
      this.#secondHolder[piece] = host;
      this.#thin.delete(piece);
    }
    this.fresh.delete(piece);
    const offer = this.unconfirmed.get(piece);
    if (offer !== undefined && offer.host !== host && !offer.isInFlight) {
      this.unconfirmed.delete(piece);
    }
  }
}

function widened(values: Int32Array, length: number): Int32Array {
  const next = new Int32Array(length).fill(NOBODY);
  next.set(values);
  return next;
}
