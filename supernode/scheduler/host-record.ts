import type { SchedulerOptions } from "./scheduler-options.ts";
import type { Host, Task } from "./scheduler-out.ts";

const BAN_MAX_MS = 3_600_000;
const ACCUSERS_MAX = 16;

/** What is known of a node apart from its tasks. */
export class HostRecord {
  readonly host: Host;
  readonly zone: string;
  /** 0 where unknown. */
  readonly uploadBytesPerSecond: number;
  readonly tasks = new Set<Task>();
  outUntilMs = 0;
  /** It was put out for something else than wrong pieces. */
  isOutForSlowness = false;
  #bans = 0;
  /** Who accused it, and when last. */
  readonly #accusers = new Map<Host, number>();
  /** Whom it accused, and when last. */
  readonly #accused = new Map<Host, number>();

  constructor(host: Host, zone: string, uploadBytesPerSecond = 0) {
    this.host = host;
    this.zone = zone;
    this.uploadBytesPerSecond = uploadBytesPerSecond > 0 ? uploadBytesPerSecond : 0;
  }

  isOut(nowMs: number): boolean {
    return nowMs < this.outUntilMs;
  }

  /** Notes that this host accuses another. False when it accuses too many to be believed. */
  accuse(nowMs: number, other: Host, options: SchedulerOptions): boolean {
    forget(this.#accused, nowMs - options.blameWindowMs);
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

  /** Puts the host out; returns for how long. */
  ban(nowMs: number, options: SchedulerOptions): number {
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
