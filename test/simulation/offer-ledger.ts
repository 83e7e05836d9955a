import { SimulationError } from "./simulation-error.ts";

/** An offer that nobody heard of for so long may be taken for lost. */
const LOST_AFTER_MS = 500;
/** How long a member that starved may get pieces that others got before. */
const HUNGER_MS = 20_000;
/** Copies that were planned while there were few members may go out a little later. */
const FEW_MS = 1000;
const NOBODY = -1;

interface Given {
  readonly to: Int32Array;
  readonly atMs: Float64Array;
  /** 1 when the piece may be given again: it did not get where it should, or is lost. */
  readonly isExcused: Uint8Array;
}

/**
 * Checks that the seed offers no piece twice without cause. Causes: the receiver refused it, vanished,
 * is out, or was not heard to hold it for a while; the new receiver starves; there are so few members
 * that the seed would idle.
 */
export class OfferLedger {
  readonly #tasks = new Map<number, Given>();
  readonly #hungryMs = new Map<number, number>();
  readonly #fewMs = new Map<number, number>();
  readonly #gone = new Set<number>();

  /** A task begins, or the supernode begins anew with nothing but its disk. */
  open(task: number, pieceCount: number): void {
    this.#tasks.set(task, {
      to: new Int32Array(pieceCount).fill(NOBODY),
      atMs: new Float64Array(pieceCount),
      isExcused: new Uint8Array(pieceCount),
    });
  }

  /** A piece is offered. `isFew`: the seed may give further copies because there are few members. */
  offered(nowMs: number, task: number, piece: number, to: number, isFew: boolean): void {
    const given = this.#tasks.get(task)!;
    const before = given.to[piece]!;
    const isFirst = before === NOBODY || given.isExcused[piece] === 1;
    const isLost = nowMs - given.atMs[piece]! >= LOST_AFTER_MS;
    if (isFew) this.#fewMs.set(task, nowMs);
    const wasFew = nowMs - (this.#fewMs.get(task) ?? -Infinity) < FEW_MS;
    const isHungry = nowMs - (this.#hungryMs.get(to) ?? -Infinity) < HUNGER_MS;
    // A copy for one that starves is beside the one that all others depend on.
    if (isHungry && !isFirst && !isLost) return;
    given.to[piece] = to;
    given.atMs[piece] = nowMs;
    given.isExcused[piece] = this.#gone.has(to) ? 1 : 0;
    if (isFirst || isLost || wasFew) return;
    throw new SimulationError(
      `piece ${piece} of task ${task} was offered to ${to} at ${nowMs} ms without cause, ` +
        `after it had been offered to ${before}`,
    );
  }

  /** The receiver did not take the offer, or gave it up. */
  refused(task: number, piece: number, by: number): void {
    const given = this.#tasks.get(task);
    if (given?.to[piece] === by) given.isExcused[piece] = 1;
  }

  /** A host vanished or is out: what was offered to it, and whatever it held alone, may be given again. */
  gone(host: number): void {
    this.#gone.add(host);
    for (const given of this.#tasks.values()) {
      for (let piece = 0; piece < given.to.length; piece++) {
        if (given.to[piece] === host) given.isExcused[piece] = 1;
      }
    }
  }

  /** A host is there, perhaps again. */
  joined(host: number): void {
    this.#gone.delete(host);
  }

  /** A host says that it starves. */
  starving(nowMs: number, host: number): void {
    this.#hungryMs.set(host, nowMs);
  }
}
