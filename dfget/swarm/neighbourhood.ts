import { Bitmap } from "../../protocol/bitmap.ts";
import type { Downloads } from "./downloads.ts";
import { Link } from "./link.ts";
import type { SwarmContext } from "./swarm-context.ts";
import { STRIPE_COUNT, type Host } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";
import type { Uploads } from "./uploads.ts";

const AGE_MAX_MS = 600_000;
/** A neighbour whose hello is not there after this is told ours again, each time after twice as long. */
const UNHEARD_MS = 100;
const HELLOS_AGAIN_MAX = 7;
/** What was said so shortly before needs not be said again. */
const REPEATED_MS = 50;

/** The links of every task: who is there, and what each says that it holds. */
export class Neighbourhood {
  readonly #context: SwarmContext;
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;

  constructor(context: SwarmContext, uploads: Uploads, downloads: Downloads) {
    this.#context = context;
    this.#uploads = uploads;
    this.#downloads = downloads;
  }

  /** A neighbour is there, or is known to be far now: it is told what we hold. */
  add(nowMs: number, state: TaskState, host: Host, nodeKey: number, far: boolean): void {
    let link = state.links.get(host);
    if (link === undefined) {
      if (state.links.size >= this.#context.options.neighboursMax) return;
      link = new Link(host, state, nodeKey, far, nowMs);
      this.#context.addLink(link);
    } else if (far) {
      link.far = true;
    }
    this.#sayHello(nowMs, link);
  }

  /** A neighbour is gone. */
  drop(nowMs: number, link: Link): void {
    this.#downloads.drop(nowMs, link);
    this.#uploads.drop(link);
    link.state.countHolder(link, -1);
    this.#context.deleteLink(link);
  }

  /**
   * Says hello again to neighbours that have not been heard. One that was still opening the task has lost
   * what it was told, and neither side would ever give the other anything. Returns whether some are waited for.
   */
  checkUnheard(nowMs: number, state: TaskState): boolean {
    let isWaiting = false;
    for (const link of state.links.values()) {
      if (link.heard || link.hellosAgain >= HELLOS_AGAIN_MAX) continue;
      isWaiting = true;
      if (nowMs - link.helloMs < UNHEARD_MS * 2 ** link.hellosAgain) continue;
      link.hellosAgain += 1;
      this.#sayHello(nowMs, link, true);
    }
    return isWaiting;
  }

  /** Other stripes are ours to bring in: neighbours in other zones are told. */
  setStripes(nowMs: number, state: TaskState, mask: Bitmap): void {
    state.imports = mask.clone();
    for (const link of state.links.values()) if (link.far) this.#sayHello(nowMs, link);
  }

  /** A neighbour says all it holds. */
  hello(
    nowMs: number,
    link: Link,
    have: Bitmap,
    freeSlots: number,
    ageMs: number,
    wants: Bitmap | undefined,
    isUnanswered: boolean,
  ): void {
    const { state } = link;
    if (isUnanswered && nowMs - link.helloMs >= REPEATED_MS) this.#sayHello(nowMs, link);
    if (wants !== undefined && wants.length === STRIPE_COUNT) {
      link.wants = wants.clone();
      if (!link.far) {
        link.far = true;
        this.#sayHello(nowMs, link);
      }
    }
    const before = link.have.count;
    state.countHolder(link, -1);
    link.learnAll(have);
    state.countHolder(link, 1);
    link.recountInterest();
    link.heard = true;
    link.nothing = false;
    link.free = slotsTold(freeSlots);
    // Who seems to wait for longest is served first, and might say so.
    link.sinceMs = nowMs - Math.min(AGE_MAX_MS, ageMs >= 0 ? ageMs : 0);
    if (link.have.count > before) state.newsMs = nowMs;
  }

  /** A neighbour says what is new. */
  have(nowMs: number, link: Link, pieces: readonly number[], freeSlots: number): void {
    const { state } = link;
    for (const piece of pieces) {
      if (!link.learn(piece) || !state.isPiece(piece)) continue;
      state.holders[piece]! += 1;
      if (!state.have.has(piece)) state.newsMs = nowMs;
      else if (state.announced.has(piece) && link.takes(piece)) link.interest -= 1;
    }
    link.free = slotsTold(freeSlots);
    // What it got since makes nothing of ours more useful to it.
    if (pieces.length === 0) link.nothing = false;
  }

  #sayHello(nowMs: number, link: Link, isUnanswered = false): void {
    const { state } = link;
    link.helloMs = nowMs;
    const wants = link.far ? (state.imports ?? new Bitmap(STRIPE_COUNT)) : undefined;
    const ageMs = nowMs - state.openedMs;
    const { out } = this.#context;
    const freeSlots = this.#context.freeSlotsOf(state);
    out.hello(link.host, state.task, state.have, freeSlots, ageMs, wants, isUnanswered);
    if (freeSlots === 0) state.toldFull = true;
  }
}

/** A number of free slots as a neighbour tells it; nonsense counts as none. */
export function slotsTold(told: number): number {
  return told > 0 ? told : 0;
}
