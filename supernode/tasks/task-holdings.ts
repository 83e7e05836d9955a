import { forwardAbort } from "../../platform/abortable.ts";
import type { Clock } from "../../platform/clock.ts";
import { Bitmap } from "../../protocol/bitmap.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { ContentShape, Elsewhere } from "../seed/seed-request.ts";
import { fitted } from "./bitmap-fit.ts";
import type { PartReads } from "./part-reads.ts";
import { isInline } from "./task-answers.ts";
import type { TaskMembers } from "./task-members.ts";
import type { TaskPieces } from "./task-pieces.ts";

/** How long a node may take to say what it holds, after the answer to its join. */
const TOLD_MS_MAX = 1000;

/** What the members of a task hold together: as they said when they joined, and as the scheduler has heard since. */
export class TaskHoldings implements Elsewhere {
  readonly #members: TaskMembers;
  readonly #heard: () => Bitmap;
  readonly #clock: Clock;
  readonly #parts: () => Pick<PartReads, "addReading" | "isWithoutRanges">;
  #waiting: AbortController | undefined;

  /** `heard` is what the scheduler knows of the members that were answered; `parts` what is read for those that want parts. */
  constructor(of: {
    readonly members: TaskMembers;
    readonly clock: Clock;
    readonly heard: () => Bitmap;
    readonly parts: () => Pick<PartReads, "addReading" | "isWithoutRanges">;
  }) {
    const { members, clock, heard, parts } = of;
    this.#members = members;
    this.#clock = clock;
    this.#heard = heard;
    this.#parts = parts;
  }

  /** What members hold that take part for the whole. */
  get heard(): Bitmap {
    return this.#heard();
  }

  /** Whether all of it has to be had: a member wants it, or it cannot be had in parts. */
  get isWholeWanted(): boolean {
    return this.#members.wantWhole || (this.#parts().isWithoutRanges && !this.#members.areFull);
  }

  /** Whether there may be pieces that need not be read. */
  get isAny(): boolean {
    if (!this.isWholeWanted || this.#heard().count > 0) return true;
    return [...this.#members.joins()].some(
      ({ holding, mayHold }) => mayHold || (holding?.have.count ?? 0) > 0,
    );
  }

  /** Waits for members that will say what they hold, for a moment at most. Throws the reason of the signal. */
  async told(signal: AbortSignal): Promise<void> {
    if (!this.isUntold) return;
    const waiting = new AbortController();
    using _link = forwardAbort(signal, waiting);
    this.#waiting = waiting;
    await this.#clock.sleep(TOLD_MS_MAX, waiting.signal).catch(() => undefined);
    signal.throwIfAborted();
  }

  /** A member has said what it holds, or is gone. */
  reported(): void {
    if (!this.isUntold) this.#waiting?.abort();
  }

  /** Whether a member will yet say what it holds. */
  get isUntold(): boolean {
    return [...this.#members.joins()].some(({ mayHold }) => mayHold);
  }

  /** Whether the seed and the members have everything together, or it is being read for somebody who waits for parts. */
  isAllWith({ ready, count }: TaskPieces): boolean {
    const held = fitted(this.#heard(), count).clone();
    for (const piece of ready) held.add(piece);
    this.#parts().addReading(held);
    return held.isFull;
  }

  /**
   * The pieces of a content that need not be read: those that members hold, those that are being read, and all while nobody wants more than parts,
   * unless the content goes into the answer. None where the length is not known.
   */
  of(shape: ContentShape): Bitmap {
    const { lengthBytes, pieceLengthBytes } = shape;
    if (lengthBytes === undefined) return new Bitmap(0);
    const count = pieceCount(lengthBytes, pieceLengthBytes);
    if (!this.isWholeWanted && !isInline(shape)) return Bitmap.full(count);
    const held = fitted(this.#heard(), count).clone();
    this.#parts().addReading(held);
    for (const { answered, joins } of this.#members) {
      for (const { number, holding } of joins.values()) {
        const isSame =
          holding?.lengthBytes === lengthBytes && holding.pieceLengthBytes === pieceLengthBytes;
        // What was answered is known better by the scheduler.
        if (!holding || !isSame || answered.has(number)) continue;
        for (const piece of holding.have) held.add(piece);
      }
    }
    return held;
  }
}
