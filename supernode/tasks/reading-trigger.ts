import type { TaskMembers } from "./task-members.ts";
import type { TaskPieces } from "./task-pieces.ts";

interface TriggerParts {
  readonly members: TaskMembers;
  readonly pieces: TaskPieces;
  /** Whether more than parts of it is wanted. */
  readonly isWholeWanted: () => boolean;
  /** Whether the seed and the members hold everything together. */
  readonly isAllHeld: () => boolean;
  /** Nothing is being read, and the store does not have the whole. */
  readonly isIdle: () => boolean;
  /** `isStarving`: what members are said to hold does not come from them. */
  readonly startReading: (isStarving: boolean) => void;
  /** How long nodes that bring pieces wait for others that hold the rest, milliseconds. */
  readonly reconnectMs: number;
}

/** Decides when the origin of a task has to be read: when somebody lacks what nobody holds. */
export class ReadingTrigger implements Disposable {
  readonly #parts: TriggerParts;
  #isStarving = false;
  /** Whether nodes that hold pieces had time to come. */
  #hasWaited = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: TriggerParts) {
    this.#parts = parts;
  }

  /** Something has changed: starts the reading if it is needed now, or after a wait for nodes that come back. */
  consider(): void {
    const { members, isIdle, startReading, reconnectMs } = this.#parts;
    if (!isIdle() || !this.#isNeeded()) return;
    const isReconnecting = [...members].some(({ holding }) => (holding?.count ?? 0) > 0);
    if (!isReconnecting || this.#isStarving || this.#hasWaited) {
      startReading(this.#isStarving);
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#hasWaited = true;
      this.consider();
    }, reconnectMs).unref();
  }

  /** A node gets nothing from those who are said to hold what it lacks. */
  starve(): void {
    // While the origin is being read it comes from there.
    if (!this.#parts.isIdle()) return;
    this.#isStarving = true;
    this.consider();
    this.#isStarving = false;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #isNeeded(): boolean {
    const { members, pieces, isWholeWanted, isAllHeld } = this.#parts;
    if (members.areFull) return false;
    if (!pieces.shape || this.#isStarving) return true;
    if (!isWholeWanted()) return false;
    return !isAllHeld();
  }
}
