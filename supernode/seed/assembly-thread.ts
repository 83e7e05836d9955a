import { Worker } from "node:worker_threads";

import type { Log } from "../../platform/log.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { LentBytes } from "../../store/piece-send.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Place } from "./assembly.ts";
import { Assembly } from "./assembly.ts";
import type { AssemblyOrder, AssemblyReply } from "./assembly-message.ts";
import type { AssembledPiece, AssemblerOptions } from "./piece-assembler.ts";
import { RecentBytes } from "./recent-bytes.ts";
import { Slot } from "./slot.ts";

/** Each is a message to the thread and one back, so they are not small: most pieces fit into one. */
const SLOT_LENGTH_BYTES = 1024 * 1024;
/** What is kept of the bytes that came last. */
export const RECENT_BYTES_MAX = 8 * 1024 * 1024;
/** From so many slots on, those with the bytes that came first are used again: short pieces do not fill theirs. */
const SLOTS_KEPT = 16;
/** Slots that wait for their next use; more are given back to the system. */
const SLOTS_FREE_MAX = 16;

/**
 * The thread that hashes and writes what comes from origins, so that the main one is free for nodes. When it dies, what
 * it was doing fails, and the next content starts a new one.
 */
export class AssemblyThread implements AsyncDisposable {
  readonly #log: Log;
  readonly #assemblies = new Map<number, Assembly>();
  #free: Slot[] = [];
  #recent = this.#makeRecent();
  #slotCount = 0;
  #nextSlot = 0;
  #nextId = 1;
  #worker: Worker | undefined;
  #isClosed = false;

  constructor({ log }: { readonly log: Log }) {
    this.#log = log;
    // It takes some 20 ms to start: not on the way of the first content.
    this.#worker = this.#start();
  }

  /** Begins a content whose bytes go into `task`; `onPiece` hears of each piece that may be handed out. */
  begin(
    task: StoredTask,
    options: AssemblerOptions,
    onPiece: (piece: AssembledPiece) => void,
  ): Assembly {
    const id = this.#nextId++;
    const { taskId } = task.record;
    if (options.startOffset === undefined) this.#recent.forget(taskId);
    this.#worker ??= this.#start();
    const assembly = new Assembly(task, options.startOffset ?? 0, onPiece, {
      // A thread that was started after the one that died knows nothing of it, and would die of it.
      send: (order) => this.#assemblies.has(id) && this.#post({ ...order, id }),
      takeSlot: () => this.#takeSlot(),
      giveSlot: (slot, written) => {
        if (written) this.#keep(taskId, written, slot);
        else this.#giveFree(slot);
      },
      ended: () => this.#assemblies.delete(id),
    });
    this.#assemblies.set(id, assembly);
    this.#post({ kind: "begin", id, options });
    if (!this.#worker) assembly.lost();
    return assembly;
  }

  /** Fills `target` with bytes of a task that came a moment ago; false when they are here no longer. */
  copyRecent(taskId: TaskId, offsetBytes: number, target: Uint8Array): boolean {
    return this.#recent.copy(taskId, offsetBytes, target);
  }

  /** Lends such bytes, as many as lie together; they do not change before they are given back. */
  lendRecent(taskId: TaskId, offsetBytes: number, lengthBytesMax: number): LentBytes | undefined {
    return this.#recent.lend(taskId, offsetBytes, lengthBytesMax);
  }

  /** How many slots there are, whatever is in them. */
  get slotCount(): number {
    return this.#slotCount;
  }

  /** Ends the thread; what it was doing fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #makeRecent(): RecentBytes {
    const free = this.#free;
    return new RecentBytes((slot) => {
      // One that was lent may come back when its thread is gone.
      if (free === this.#free) this.#giveFree(slot);
    });
  }

  #keep(taskId: TaskId, { offsetBytes, lengthBytes }: Place, slot: Slot): void {
    const recent = this.#recent;
    recent.keep(taskId, offsetBytes, lengthBytes, slot);
    while (recent.keptBytes > RECENT_BYTES_MAX || recent.keptSlots > SLOTS_KEPT) {
      const oldest = recent.takeOldest();
      if (!oldest) return;
      this.#giveFree(oldest);
    }
  }

  #giveFree(slot: Slot): void {
    if (this.#free.length < SLOTS_FREE_MAX) {
      this.#free.push(slot);
      return;
    }
    this.#slotCount -= 1;
    this.#post({ kind: "slot-gone", slot: slot.index });
  }

  #takeSlot(): Slot {
    const isFull = this.#recent.keptBytes + SLOT_LENGTH_BYTES > RECENT_BYTES_MAX;
    const kept = isFull ? this.#recent.takeOldest() : undefined;
    const slot = kept ?? this.#free.pop();
    if (slot) return slot;
    const oldest = this.#slotCount < SLOTS_KEPT ? undefined : this.#recent.takeOldest();
    return oldest ?? this.#makeSlot();
  }

  #makeSlot(): Slot {
    const memory = new SharedArrayBuffer(SLOT_LENGTH_BYTES);
    const slot = new Slot(this.#nextSlot++, memory);
    this.#slotCount += 1;
    this.#post({ kind: "slot", slot: slot.index, memory });
    return slot;
  }

  #post(order: AssemblyOrder): void {
    this.#worker?.postMessage(order);
  }

  #start(): Worker | undefined {
    if (this.#isClosed) return undefined;
    const worker = new Worker(siblingModule(import.meta.url, "assembly-worker"), {
      name: "assembly",
    });
    worker.on("message", (reply: AssemblyReply) => this.#assemblies.get(reply.id)?.answered(reply));
    worker.on("error", (error) => this.#log.error({ err: error }, "the hashing thread failed"));
    // Only when the thread is gone is it certain that it writes no more.
    worker.on("exit", () => this.#exited());
    return worker;
  }

  #exited(): void {
    this.#worker = undefined;
    // The next thread knows none of the slots.
    this.#free = [];
    this.#recent = this.#makeRecent();
    this.#slotCount = 0;
    for (const assembly of this.#assemblies.values()) assembly.lost();
    this.#assemblies.clear();
  }
}
