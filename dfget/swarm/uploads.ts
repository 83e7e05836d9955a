import type { Link } from "./link.ts";
import { PieceTimes } from "./piece-times.ts";
import type { SwarmContext } from "./swarm-context.ts";

const SLOWER = 1.6;
const FASTER = 0.75;
const MIB = 1024 * 1024;

/**
 * The upload slots: who is granted one, and how many there are.
 *
 * A slot is taken from the grant on. It goes to the neighbour that is furthest behind for its age
 * among a few, over all tasks. There are as many slots as download slots, because unequal numbers
 * cost dearly, and fewer while pieces that we serve take longer than pieces that we wait for.
 */
export class Uploads {
  readonly #context: SwarmContext;
  readonly #waits = new PieceTimes();
  #slots: number;
  #used = 0;
  #grantsOpen = 0;
  #servedMs = 0;
  #served = 0;

  constructor(context: SwarmContext) {
    this.#context = context;
    this.#slots = context.options.uploadSlots;
  }

  /** Slots allowed at present. */
  get slots(): number {
    return Math.floor(this.#slots);
  }

  /** Slots taken, by grants and by uploads. */
  get used(): number {
    return this.#used;
  }

  /** Whether a grant is still waiting for its answer. */
  get hasOpenGrants(): boolean {
    return this.#grantsOpen > 0;
  }

  /** Notes how long a piece that we fetched took, for comparison. */
  noteWait(durationMs: number, pieceLengthBytes: number): void {
    this.#waits.add(perMib(durationMs, pieceLengthBytes));
  }

  /** Grants free slots to neighbours. */
  grantMore(nowMs: number): void {
    while (this.#used < this.slots + this.#context.options.grantsAhead) {
      const link = this.#furthestBehind(nowMs);
      if (link === undefined) return;
      this.#take(link);
      this.#grantsOpen += 1;
      link.grantedAtMs.push(nowMs);
      this.#context.out.grant(link.host, link.state.task);
      this.#context.wakeForCheck(nowMs);
    }
  }

  /** The neighbour does not want a grant of ours. */
  declined(link: Link): void {
    if (link.grantedAtMs.shift() === undefined) return;
    this.#giveBack(link, 1);
    this.#grantsOpen -= 1;
  }

  /** A request came; true if there is a slot for it. */
  start(link: Link): boolean {
    if (link.grantedAtMs.shift() !== undefined) {
      this.#grantsOpen -= 1;
    } else {
      if (this.#used >= this.slots) return false;
      this.#take(link);
    }
    link.uploads += 1;
    link.free = Math.max(0, link.free - 1);
    return true;
  }

  /** An upload ended; a negative duration says that it failed. */
  end(link: Link, durationMs: number): void {
    if (link.uploads === 0) return;
    link.uploads -= 1;
    this.#giveBack(link, 1);
    if (durationMs >= 0) this.#adapt(perMib(durationMs, link.state.pieceLengthBytes));
  }

  /** The neighbour is gone: its slots are free. */
  drop(link: Link): void {
    this.#grantsOpen -= link.grantedAtMs.length;
    this.#giveBack(link, link.grantedAtMs.length + link.uploads);
    link.grantedAtMs.length = 0;
    link.uploads = 0;
  }

  /** Takes back grants that were not answered. */
  check(nowMs: number): void {
    if (this.#grantsOpen === 0) return;
    const before = nowMs - this.#context.options.grantTimeoutMs;
    for (const link of this.#context.links) {
      let expired = false;
      while (link.grantedAtMs.length > 0 && link.grantedAtMs[0]! <= before) {
        this.declined(link);
        expired = true;
      }
      // A neighbour that answers nothing is not asked again before it says something.
      if (expired) link.free = 0;
    }
    if (this.#grantsOpen > 0) this.#context.wakeForCheck(nowMs);
  }

  #take(link: Link): void {
    this.#used += 1;
    link.state.slotsGiven += 1;
  }

  #giveBack(link: Link, count: number): void {
    this.#used -= count;
    link.state.slotsGiven -= count;
  }

  #furthestBehind(nowMs: number): Link | undefined {
    const links = this.#context.links;
    const start = Math.floor(this.#context.random() * links.length);
    let best: Link | undefined;
    let bestSpeed = Infinity;
    const { grantSample, grantsPerNeighbour, smallTaskSlots } = this.#context.options;
    const openMax = Math.max(grantsPerNeighbour, Math.ceil(this.slots / links.length));
    let left = grantSample;
    for (let i = 0; i < links.length && left > 0; i++) {
      const link = links[i + start < links.length ? i + start : i + start - links.length]!;
      if (link.nothing || !link.heard) continue;
      if (this.#context.isSmall(link.state) && link.state.slotsGiven > smallTaskSlots) continue;
      // Each of its slots with us is for another piece.
      if (link.interest <= link.grantedAtMs.length + link.uploads) continue;
      if (link.free <= link.grantedAtMs.length) continue;
      // One that has just died looks furthest behind, and would get every slot for a while.
      if (link.grantedAtMs.length >= openMax) continue;
      left -= 1;
      const speed =
        ((link.have.count + 4) * link.state.pieceLengthBytes) / (nowMs - link.sinceMs + 100);
      if (speed >= bestSpeed) continue;
      best = link;
      bestSpeed = speed;
    }
    return best;
  }

  #adapt(msPerMib: number): void {
    this.#servedMs += msPerMib;
    this.#served += 1;
    if (this.#served < 2 * this.slots) return;
    const mean = this.#servedMs / this.#served;
    this.#servedMs = 0;
    this.#served = 0;
    const wait = this.#waits.quantile(0.5);
    if (wait <= 0) return;
    if (mean > SLOWER * wait) this.#slots = Math.max(1, this.#slots * Math.sqrt(wait / mean));
    else if (mean < FASTER * wait) this.#addSlot();
  }

  #addSlot(): void {
    this.#slots = Math.min(this.#context.options.uploadSlots, this.slots + 1);
  }
}

/** Durations of small pieces are mostly latency, so a quarter of a MiB counts at least. */
function perMib(durationMs: number, pieceLengthBytes: number): number {
  return durationMs / Math.max(0.25, pieceLengthBytes / MIB);
}
