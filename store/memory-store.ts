import { unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";
import { systemClock } from "../platform/clock.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { DiskPace } from "./disk-pace.ts";
import { SharedTask } from "./shared-task.ts";
import type {
  OpenTaskRequest,
  PieceStore,
  StoredTask,
  TaskSummaryRow,
  WholeTask,
} from "./piece-store.ts";
import { StorageBudget } from "./storage-budget.ts";
import { TaskContent } from "./task-content.ts";
import { closeFd, openTaskFd } from "./task-fd.ts";
import { checkShape, checkWholeShape, isEmptyContent, newTaskRow, summaryRow } from "./task-row.ts";

export interface MemoryStoreOptions {
  /** The most bytes of pieces kept; 0, the default, = no limit. */
  readonly quotaBytes?: number;
  readonly clock?: Clock;
}

/**
 * A store for tests, and for content that nobody wants to keep, that forgets everything when it ends. Its records are in memory; the bytes of a task
 * are in a temporary file without a name, because other threads write them through a file number.
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): PieceStore {
  return new MemoryStore(options);
}

class MemoryStore implements PieceStore {
  readonly #budget: StorageBudget;
  readonly #pace: DiskPace;
  /** The least recently used first. A task keeps its file open for as long as it exists. */
  readonly #tasks = new Map<TaskId, SharedTask>();
  /** Tasks that are just being kept whole. */
  readonly #kept = new Set<TaskId>();
  #opening: Promise<unknown> = Promise.resolve();
  #useCount = 0;
  #damagedPieces = 0;

  constructor({ quotaBytes = 0, clock = systemClock }: MemoryStoreOptions) {
    const deps = {
      clock,
      freeBytes: () => Infinity,
      evictableBytes: () => {
        return this.#evictable().reduce((sum, { content }) => sum + content.row.heldBytes, 0);
      },
      evict: (lengthBytes: number) => this.#evict(lengthBytes),
    };
    this.#pace = new DiskPace(clock);
    this.#budget = new StorageBudget(deps, { quotaBytes, freeFloorBytes: 0 });
  }

  get damagedPieces(): number {
    return this.#damagedPieces;
  }

  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  async open(request: OpenTaskRequest): Promise<StoredTask> {
    const { taskId, lengthBytes, pieceLengthBytes } = request;
    checkShape(taskId, lengthBytes, pieceLengthBytes);
    // One at a time, so that two openers do not make two files.
    const opening = this.#opening.then(async () => {
      const known = this.#tasks.get(taskId);
      if (known !== undefined && !(known.hasOtherShape(request) && known.isReplaceable)) {
        const handle = known.pin();
        known.learn(request);
        this.#touch(known);
        return handle;
      }
      if (known !== undefined) await this.delete(taskId);
      return await this.#create(request);
    });
    this.#opening = opening.catch(() => {});
    return await opening;
  }

  async find(taskId: TaskId): Promise<StoredTask | undefined> {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return undefined;
    this.#touch(task);
    const handle = task.pin();
    await task.audit();
    return handle;
  }

  async keep(task: WholeTask): Promise<boolean> {
    checkWholeShape(task);
    if (this.#tasks.has(task.taskId) || this.#kept.has(task.taskId)) return false;
    this.#kept.add(task.taskId);
    using _keeping = { [Symbol.dispose]: () => this.#kept.delete(task.taskId) };
    using handle = await this.open(task);
    if (handle.have.count > 0) return false;
    handle.reserve(task.content.length);
    await handle.write(0, task.content);
    task.certificates.forEach((certificate, piece) => handle.commit(piece, certificate));
    handle.setProven();
    return true;
  }

  list(): readonly TaskSummaryRow[] {
    return [...this.#tasks.values()].map(({ content, isPinned }) => {
      return summaryRow(content.row, isPinned);
    });
  }

  async delete(taskId: TaskId): Promise<void> {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return;
    this.#tasks.delete(taskId);
    task.isDetached = true;
    task.closeIfIdle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opening;
    for (const taskId of this.#tasks.keys()) await this.delete(taskId);
  }

  async #create(request: OpenTaskRequest): Promise<StoredTask> {
    const path = join(tmpdir(), `darter-memory-${randomBytes(8).toString("hex")}`);
    const fd = await openTaskFd(path, true);
    await unlink(path);
    const content = new TaskContent(newTaskRow(request, "", 0));
    const task = new SharedTask(content, fd, this.#budget, this.#pace, {
      pieceChanged: () => {},
      recordChanged: () => {},
      damaged: (_task, droppedPieces) => (this.#damagedPieces += droppedPieces),
      // Its file has no name at all.
      givenUp: () => {},
      discarded: () => {},
      closed: (task) => this.#closed(task),
    });
    this.#touch(task);
    return task.pin();
  }

  #closed(task: SharedTask): void {
    const { row } = task.content;
    if (task.isDetached) {
      this.#budget.hold(-row.heldBytes);
      void closeFd(task.fd);
    } else if (row.heldPieces === 0 && !isEmptyContent(row)) {
      this.#tasks.delete(row.taskId);
      void closeFd(task.fd);
    } else this.#touch(task);
  }

  #touch(task: SharedTask): void {
    const { row } = task.content;
    row.lastUsedAtMs = ++this.#useCount;
    this.#tasks.delete(row.taskId);
    this.#tasks.set(row.taskId, task);
  }

  #evictable(): SharedTask[] {
    return [...this.#tasks.values()].filter((task) => !task.isPinned);
  }

  #evict(lengthBytes: number): void {
    let freedBytes = 0;
    for (const task of this.#evictable()) {
      if (freedBytes >= lengthBytes) return;
      freedBytes += task.content.row.heldBytes;
      this.#tasks.delete(task.content.row.taskId);
      task.isDetached = true;
      task.closeIfIdle();
    }
  }
}
