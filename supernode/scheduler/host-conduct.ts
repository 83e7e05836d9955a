import type { SchedulerOptions } from "./scheduler-options.ts";
import type { Host } from "./scheduler-out.ts";

const BAN_MAX_MS = 3_600_000;
/** Who was not put out again for so long begins anew. */
const BAN_FORGOTTEN_MS = 3_600_000;
const ACCUSERS_MAX = 16;

/** What a host accused others of, was accused of, and how long it is out for it. Most hosts never have one. */
export class HostConduct {
  outUntilMs = 0;
  /** It was put out for something else than wrong pieces. */
  isOutForSlowness = false;
  #bans = 0;
  /** When others were put out on its word. */
  #putOutMs: number[] = [];
  /** Who accused it, and when last. */
  readonly #accusers = new Map<Host, number>();
  /** Whom it accused, and when last. */
  readonly #accused = new Map<Host, number>();

  /** Notes that this host accuses another. False when it accuses too many to be believed. */
  accuse(nowMs: number, other: Host, options: SchedulerOptions): boolean {
    forget(this.#accused, nowMs - options.blameWindowMs);
    this.#putOutMs = this.#putOutMs.filter((atMs) => nowMs - atMs < BAN_FORGOTTEN_MS);
    if (this.#putOutMs.length >= options.accusationsMax) return false;
    if (!this.#accused.has(other) && this.#accused.size >= options.accusationsMax) return false;
    this.#accused.set(other, nowMs);
    return true;
  }

  /** Notes an accuser of this host. True when that makes enough different ones. */
  accusedBy(nowMs: number, accuser: Host, options: SchedulerOptions): boolean {
    forget(this.#accusers, nowMs - options.blameWindowMs);
    if (this.#accusers.size < ACCUSERS_MAX) this.#accusers.set(accuser, nowMs);
    return this.#accusers.size >= options.badAfter;
  }

  /** Those on whose word the host is put out now. */
  get accusers(): Iterable<Host> {
    return this.#accusers.keys();
  }

  /** Another host was put out on this one's word, among others. */
  wasBelieved(nowMs: number): void {
    this.#putOutMs.push(nowMs);
  }

  /** Puts the host out; returns for how long. */
  ban(nowMs: number, options: SchedulerOptions): number {
    if (nowMs - this.outUntilMs > BAN_FORGOTTEN_MS) this.#bans = 0;
    const forMs = Math.min(BAN_MAX_MS, options.banMs * 2 ** Math.min(this.#bans, 12));
    this.#bans += 1;
    this.#accusers.clear();
    this.outUntilMs = nowMs + forMs;
    return forMs;
  }
}

function forget(times: Map<Host, number>, beforeMs: number): void {
  for (const [host, atMs] of times) if (atMs < beforeMs) times.delete(host);
}
