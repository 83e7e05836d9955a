import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { bootId } from "./boot-id.ts";
import { DiskPace, isShortFile } from "./disk-pace.ts";
import { fileStamp } from "./file-stamp.ts";
import { loadTask, newGeneration, wholeRow } from "./disk-task.ts";
import { isCorruption, Metadata } from "./metadata.ts";
import { SharedTask } from "./shared-task.ts";
import type {
  OpenTaskRequest,
  PieceStore,
  StoredTask,
  TaskSummaryRow,
  WholeTask,
} from "./piece-store.ts";
import { StorageBudget, freeBytes } from "./storage-budget.ts";
import { listTaskFiles, makeTasksDirectory, taskFilePath } from "./task-file.ts";
import { closeFd, closeShortFd } from "./task-fd.ts";
import type { TaskRow } from "./task-row.ts";
import { WarmContents } from "./warm-contents.ts";
import { writeWholeFile } from "./whole-file.ts";
import { checkShape, checkWholeShape, isEmptyContent, newTaskRow, summaryRow } from "./task-row.ts";

/** Space left to others unless {@link DiskStoreOptions} says otherwise. */
const FREE_FLOOR_BYTES = 64 * 1024 * 1024;

export interface DiskStoreOptions {
  /** Belongs to this process alone while the store is open; made when absent. */
  readonly dataDir: string;
  /** The most bytes of pieces kept; the least recently used tasks give way. 0 = no limit. */
  readonly quotaBytes: number;
  /** Bytes of the file system that stay free; 64 MiB unless given. */
  readonly freeFloorBytes?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the store in a data directory: one sparse file a task below `tasks/`, the records in `meta/`.
 *
 * Nothing is synced while it runs. Pieces are taken for good only in the epoch in which they were
 * verified: the epoch rises when the last run did not end cleanly or the machine was booted since, and
 * then a task is hashed, piece by piece, when it is opened.
 * Throws UserError when the directory is in use by another process or cannot be used.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<PieceStore> {
  const { dataDir } = options;
  await makeTasksDirectory(join(dataDir, "tasks"), dataDir);
  const location = join(dataDir, "meta");
  for (let isRetry = false; ; isRetry = true) {
    const metadata = await Metadata.open(location, dataDir, options);
    try {
      return await DiskStore.start(metadata, options);
    } catch (error) {
      await metadata.abandon();
      if (isRetry || !isCorruption(error)) throw error;
      options.log.error(
        { err: error },
        "the store's records are broken, starting with an empty store",
      );
      await rm(location, { recursive: true });
    }
  }
}

class DiskStore implements PieceStore {
  readonly #tasksDir: string;
  readonly #metadata: Metadata;
  readonly #log: Log;
  readonly #budget: StorageBudget;
  readonly #pace: DiskPace;
  readonly #epoch: number;
  readonly #closing = new AbortController();
  /** The least recently used first. */
  readonly #rows = new Map<TaskId, TaskRow>();
  readonly #open = new Map<TaskId, SharedTask>();
  readonly #opening = new Map<TaskId, Promise<SharedTask>>();
  /** Tasks whose file is just being removed, or made at once: whoever wants to open them waits. */
  readonly #busy = new Map<TaskId, Promise<void>>();
  readonly #closingFds = new Set<Promise<void>>();
  readonly #warm = new WarmContents();
  #sweeping: Promise<void> = Promise.resolve();
  #lastUsedAtMs = 0;
  #damagedPieces = 0;

  private constructor(metadata: Metadata, epoch: number, options: DiskStoreOptions) {
    const { dataDir, quotaBytes, freeFloorBytes = FREE_FLOOR_BYTES, clock, log } = options;
    this.#tasksDir = join(dataDir, "tasks");
    this.#metadata = metadata;
    this.#log = log;
    this.#epoch = epoch;
    this.#pace = new DiskPace(clock);
    this.#budget = new StorageBudget(
      {
        clock,
        freeBytes: () => (metadata.isFailing ? 0 : freeBytes(dataDir)),
        evictableBytes: () => this.#evictableBytes(),
        evict: (lengthBytes) => this.#evict(lengthBytes),
      },
      { quotaBytes, freeFloorBytes },
    );
  }

  static async start(metadata: Metadata, options: DiskStoreOptions): Promise<DiskStore> {
    const state = await metadata.state();
    const rows = await metadata.tasks();
    const boot = bootId();
    const isTrusted = state?.isClean === true && boot !== undefined && state.bootId === boot;
    const lastEpoch = rows.reduce((epoch, row) => Math.max(epoch, row.epoch), state?.epoch ?? 0);
    const store = new DiskStore(metadata, isTrusted ? lastEpoch : lastEpoch + 1, options);
    await metadata.setState(store.#state(false));
    await store.#adopt(rows);
    if (!isTrusted) store.#sweeping = store.#sweep();
    return store;
  }

  get damagedPieces(): number {
    return this.#damagedPieces;
  }

  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  async open(request: OpenTaskRequest): Promise<StoredTask> {
    const { taskId, pieceLengthBytes, lengthBytes } = request;
    checkShape(taskId, lengthBytes, pieceLengthBytes);
    for (;;) {
      const task = await this.#opened(taskId, () =>
        newTaskRow(request, newGeneration(), this.#epoch),
      );
      if (!this.#isOpen(task)) continue;
      if (task.hasOtherShape(request) && task.isReplaceable) {
        this.#forget(task.content.row);
        continue;
      }
      const handle = task.pin();
      task.learn(request);
      return handle;
    }
  }

  async find(taskId: TaskId): Promise<StoredTask | undefined> {
    while (this.#rows.has(taskId)) {
      const task = await this.#opened(taskId, () => undefined);
      if (!this.#isOpen(task)) continue;
      const handle = task.pin();
      await task.audit();
      return handle;
    }
    return undefined;
  }

  async keep(task: WholeTask): Promise<boolean> {
    checkWholeShape(task);
    const { taskId, content } = task;
    this.#closing.signal.throwIfAborted();
    if (this.#rows.has(taskId) || this.#opening.has(taskId) || this.#busy.has(taskId)) return false;
    this.#budget.reserve(content.length);
    const made = Promise.withResolvers<void>();
    this.#busy.set(taskId, made.promise);
    try {
      const stamp = await writeWholeFile(this.#path(taskId), content, this.#pace);
      if (stamp === undefined) return false;
      const row = wholeRow(task, this.#epoch, stamp);
      this.#budget.hold(row.heldBytes);
      task.certificates.forEach((certificate, piece) =>
        this.#metadata.setPiece(row.generation, piece, certificate),
      );
      this.#touch(row);
      return true;
    } finally {
      this.#budget.release(content.length);
      this.#busy.delete(taskId);
      made.resolve();
    }
  }

  /** Its file may have been closed by the last handle while a caller waited for his turn. */
  #isOpen(task: SharedTask | undefined): task is SharedTask {
    return task !== undefined && this.#open.get(task.content.row.taskId) === task;
  }

  list(): readonly TaskSummaryRow[] {
    return [...this.#rows.values()].map((row) => {
      return summaryRow(row, this.#open.has(row.taskId) || this.#opening.has(row.taskId));
    });
  }

  async delete(taskId: TaskId): Promise<void> {
    await this.#opening.get(taskId)?.catch(() => {});
    await this.#busy.get(taskId);
    const row = this.#rows.get(taskId);
    if (row) this.#forget(row);
    await this.#busy.get(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new Error("the store is closed"));
    await Promise.allSettled([this.#sweeping, ...this.#opening.values()]);
    for (const task of this.#open.values()) task.isDetached = true;
    await Promise.all([...this.#busy.values(), ...this.#closingFds]);
    await this.#metadata.close(this.#state(true));
  }

  #state(isClean: boolean): { bootId: string; isClean: boolean; epoch: number } {
    return { bootId: bootId() ?? "unknown", isClean, epoch: this.#epoch };
  }

  /** Takes the tasks over whose file is there, and removes files that belong to no task. */
  async #adopt(rows: TaskRow[]): Promise<void> {
    const orphans = await listTaskFiles(this.#tasksDir);
    rows.sort((a, b) => a.lastUsedAtMs - b.lastUsedAtMs);
    for (const row of rows) {
      const isKept = isEmptyContent(row) || (row.heldPieces > 0 && orphans.has(row.taskId));
      if (!isKept) {
        this.#metadata.deleteTask(row);
        continue;
      }
      orphans.delete(row.taskId);
      this.#rows.set(row.taskId, row);
      this.#lastUsedAtMs = Math.max(this.#lastUsedAtMs, row.lastUsedAtMs);
      this.#budget.hold(row.heldBytes);
    }
    for (const taskId of orphans) await rm(this.#path(taskId), { force: true });
    this.#budget.shrink();
  }

  async #sweep(): Promise<void> {
    try {
      await this.#metadata.sweepPieces(
        new Set([...this.#rows.values()].map((row) => row.generation)),
      );
    } catch (error) {
      this.#log.warn({ err: error }, "cannot sweep the store's records");
    }
  }

  /**
   * The open task, opened when it is not; `create` gives the row of one that does not exist. Returns
   * undefined when the caller must look again because the task went away, which may also happen until
   * the caller gets it: see `#isOpen`.
   */
  async #opened(
    taskId: TaskId,
    create: () => TaskRow | undefined,
  ): Promise<SharedTask | undefined> {
    this.#closing.signal.throwIfAborted();
    const busy = this.#busy.get(taskId);
    if (busy !== undefined) {
      await busy;
      return undefined;
    }
    const task = this.#open.get(taskId);
    if (task !== undefined) return task;
    let opening = this.#opening.get(taskId);
    if (opening === undefined) {
      const row = this.#rows.get(taskId) ?? create();
      if (row === undefined) return undefined;
      opening = this.#load(row).finally(() => this.#opening.delete(taskId));
      this.#opening.set(taskId, opening);
    }
    return await opening;
  }

  async #load(row: TaskRow): Promise<SharedTask> {
    const { taskId, heldBytes } = row;
    const { content, fd } = await loadTask(
      {
        path: this.#path(taskId),
        row,
        isNew: !this.#rows.has(taskId),
        warm: this.#warm.take(taskId),
        epoch: this.#epoch,
      },
      {
        metadata: this.#metadata,
        pace: this.#pace,
        damaged: (pieces) => this.#damaged(taskId, pieces),
      },
      this.#closing.signal,
    );
    this.#budget.hold(row.heldBytes - heldBytes);
    const task = new SharedTask(content, fd, this.#budget, this.#pace, {
      pieceChanged: (task, pieceIndex, certificate) => {
        if (task.isDetached) return;
        if (certificate && !task.content.isComplete) {
          this.#metadata.addPiece(row, pieceIndex, certificate);
          return;
        }
        this.#metadata.setPiece(row.generation, pieceIndex, certificate);
        this.#metadata.putTask(row);
      },
      recordChanged: (task) => {
        if (!task.isDetached) this.#metadata.putTask(row);
      },
      damaged: (_task, pieces) => this.#damaged(taskId, pieces),
      givenUp: (task) => {
        if (!task.isDetached) this.#forget(row);
      },
      discarded: (task) => {
        if (task.isDetached) return;
        this.#metadata.dropPieces(row.generation);
        row.generation = newGeneration();
        this.#metadata.putTask(row);
      },
      closed: (task) => this.#closed(task),
    });
    this.#open.set(row.taskId, task);
    this.#touch(row);
    return task;
  }

  #damaged(taskId: TaskId, droppedPieces: number): void {
    this.#damagedPieces += droppedPieces;
    this.#log.warn({ taskId, droppedPieces }, "pieces on disk were lost or damaged");
  }

  #closed(task: SharedTask): void {
    const { row } = task.content;
    // Else what others write while it is closed would pass for ours.
    if (row.fileStamp === undefined && task.isUntouched) row.fileStamp = fileStamp(task.fd);
    if (isShortFile(row.lengthBytes)) closeShortFd(task.fd);
    else this.#closeLater(task.fd);
    if (task.isDetached) {
      this.#budget.hold(-row.heldBytes);
      return;
    }
    this.#open.delete(row.taskId);
    if (row.heldPieces === 0 && !isEmptyContent(row)) this.#forget(row);
    else {
      this.#warm.keep(task.content);
      this.#touch(row);
    }
  }

  #closeLater(fd: number): void {
    const closing = closeFd(fd).finally(() => this.#closingFds.delete(closing));
    this.#closingFds.add(closing);
  }

  #touch(row: TaskRow): void {
    this.#lastUsedAtMs = Math.max(this.#lastUsedAtMs + 1, Date.now());
    row.lastUsedAtMs = this.#lastUsedAtMs;
    this.#rows.delete(row.taskId);
    this.#rows.set(row.taskId, row);
    this.#metadata.putTask(row);
  }

  /** Forgets a task at once; its file goes in the background and a new one waits for that. */
  #forget(row: TaskRow): void {
    const { taskId } = row;
    const task = this.#open.get(taskId);
    if (task === undefined) this.#budget.hold(-row.heldBytes);
    else this.#detach(task);
    this.#rows.delete(taskId);
    this.#warm.take(taskId);
    this.#metadata.deleteTask(row);
    const removing = rm(this.#path(taskId), { force: true })
      .catch((error: unknown) => this.#log.warn({ err: error, taskId }, "cannot remove a file"))
      .finally(() => this.#busy.delete(taskId));
    this.#busy.set(taskId, removing);
  }

  #detach(task: SharedTask): void {
    task.isDetached = true;
    this.#open.delete(task.content.row.taskId);
    task.closeIfIdle();
  }

  *#evictable(): Generator<TaskRow> {
    for (const row of this.#rows.values()) {
      if (!this.#open.has(row.taskId) && !this.#opening.has(row.taskId)) yield row;
    }
  }

  #evictableBytes(): number {
    let lengthBytes = 0;
    for (const row of this.#evictable()) lengthBytes += row.heldBytes;
    return lengthBytes;
  }

  #evict(lengthBytes: number): void {
    let freedBytes = 0;
    for (const row of this.#evictable()) {
      if (freedBytes >= lengthBytes) return;
      freedBytes += row.heldBytes;
      this.#log.debug({ taskId: row.taskId, heldBytes: row.heldBytes }, "task evicted");
      this.#forget(row);
    }
  }

  #path(taskId: TaskId): string {
    return join(this.#tasksDir, taskFilePath(taskId));
  }
}
