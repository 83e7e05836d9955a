import type { TaskId } from "../../protocol/task-id.ts";
import type { LentBytes } from "../../store/piece-send.ts";
import type { Slot } from "./slot.ts";

interface Entry {
  readonly taskId: TaskId;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly slot: Slot;
  lentCount: number;
  /** It was forgotten while it was lent. */
  isForgotten: boolean;
}

/** Slots that are lent at a time, at most: who reads slowly keeps them. */
export const LENT_SLOTS_MAX = 4;

/**
 * What came from origins last, so that pieces which are asked for at once need not be read from their files. An
 * entry stays until its slot is taken for something else.
 */
export class RecentBytes {
  /** The oldest first. */
  readonly #entries = new Set<Entry>();
  readonly #free: (slot: Slot) => void;
  #lentSlots = 0;
  #keptBytes = 0;

  /** `free` gets the slots that are forgotten; those that are lent then, when they come back. */
  constructor(free: (slot: Slot) => void) {
    this.#free = free;
  }

  /** How many bytes are kept, lent ones among them. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** How many slots hold them. */
  get keptSlots(): number {
    return this.#entries.size;
  }

  /** Keeps a slot, and no other for the same bytes; what is in it must not change while it is kept. */
  keep(taskId: TaskId, offsetBytes: number, lengthBytes: number, slot: Slot): void {
    // What was read before may have been something else, and is in the file no longer.
    for (const entry of this.#entries) {
      const isBefore = entry.offsetBytes + entry.lengthBytes <= offsetBytes;
      const isBehind = entry.offsetBytes >= offsetBytes + lengthBytes;
      if (entry.taskId === taskId && !isBefore && !isBehind) this.#forget(entry);
    }
    const entry = { taskId, offsetBytes, lengthBytes, slot, lentCount: 0, isForgotten: false };
    this.#entries.add(entry);
    this.#keptBytes += lengthBytes;
  }

  /** Gives out the slot that was kept for longest. */
  takeOldest(): Slot | undefined {
    for (const entry of this.#entries) {
      if (entry.lentCount > 0) continue;
      this.#remove(entry);
      return entry.slot;
    }
    return undefined;
  }

  /** Forgets a task; its slots are free. */
  forget(taskId: TaskId): void {
    for (const entry of this.#entries) if (entry.taskId === taskId) this.#forget(entry);
  }

  /** Fills `target` with the bytes at an offset of a task; false, with anything in `target`, when not all are here. */
  copy(taskId: TaskId, offsetBytes: number, target: Uint8Array): boolean {
    for (let done = 0; done < target.length;) {
      const at = offsetBytes + done;
      const entry = this.#entryAt(taskId, at);
      if (!entry) return false;
      const from = at - entry.offsetBytes;
      const lengthBytes = Math.min(target.length - done, entry.lengthBytes - from);
      entry.slot.copyTo(from, target.subarray(done, done + lengthBytes));
      done += lengthBytes;
    }
    return true;
  }

  /**
   * Lends bytes of a task from an offset on, as many as lie in one slot and `lengthBytesMax` at most; undefined when they are not
   * here, or too much is lent.
   */
  lend(taskId: TaskId, offsetBytes: number, lengthBytesMax: number): LentBytes | undefined {
    const entry = this.#entryAt(taskId, offsetBytes);
    if (!entry) return undefined;
    if (entry.lentCount === 0) {
      if (this.#lentSlots === LENT_SLOTS_MAX) return undefined;
      this.#lentSlots += 1;
    }
    entry.lentCount += 1;
    const from = offsetBytes - entry.offsetBytes;
    return {
      bytes: entry.slot.room(from, Math.min(lengthBytesMax, entry.lengthBytes - from)),
      [Symbol.dispose]: () => this.#giveBack(entry),
    };
  }

  #forget(entry: Entry): void {
    this.#remove(entry);
    if (entry.lentCount === 0) this.#free(entry.slot);
    else entry.isForgotten = true;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    this.#keptBytes -= entry.lengthBytes;
  }

  #giveBack(entry: Entry): void {
    entry.lentCount -= 1;
    if (entry.lentCount > 0) return;
    this.#lentSlots -= 1;
    if (entry.isForgotten) this.#free(entry.slot);
  }

  #entryAt(taskId: TaskId, at: number): Entry | undefined {
    for (const entry of this.#entries) {
      const from = at - entry.offsetBytes;
      if (entry.taskId === taskId && from >= 0 && from < entry.lengthBytes) return entry;
    }
    return undefined;
  }
}
