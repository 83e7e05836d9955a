import type { Log } from "../../platform/log.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import type { TaskSummaryRow } from "../../store/piece-store.ts";
import type { LocalCache } from "../peer/local-cache.ts";
import type { CachedTask } from "./cache-schema.ts";
import type { Catalog } from "./catalog.ts";

/** The tasks of a node with what is known of them, and the pins that keep some of them. */
export class CachedTasks implements AsyncDisposable {
  readonly #cache: LocalCache;
  readonly #catalog: Catalog;
  readonly #held = new Map<TaskId, Disposable>();

  private constructor(cache: LocalCache, catalog: Catalog) {
    this.#cache = cache;
    this.#catalog = catalog;
  }

  /** Takes hold of what is pinned. */
  static async open(cache: LocalCache, catalog: Catalog, log: Log): Promise<CachedTasks> {
    const tasks = new CachedTasks(cache, catalog);
    for (const taskId of catalog.pinned()) {
      if (!(await tasks.#hold(taskId))) log.warn({ taskId }, "a pinned task is not there any more");
    }
    return tasks;
  }

  list(): CachedTask[] {
    return this.#cache.list().map((row) => this.#describe(row));
  }

  get usedBytes(): number {
    return this.#cache.usedBytes;
  }

  /** Whether some of a task is here, and not all of it. */
  isUnfinished(taskId: TaskId): boolean {
    const row = this.#cache.list().find((each) => each.taskId === taskId);
    return row !== undefined && !this.#describe(row).isComplete;
  }

  /** Reads the name of a task. Throws ProtocolError BAD_REQUEST. */
  idOf(text: string): TaskId {
    return taskIdOf(text);
  }

  /** Throws ProtocolError NOT_FOUND. */
  find(text: string): CachedTask {
    const taskId = taskIdOf(text);
    const row = this.#cache.list().find((each) => each.taskId === taskId);
    if (!row) throw absent(text);
    return this.#describe(row);
  }

  /** Throws ProtocolError NOT_FOUND, or BAD_REQUEST for a task that is pinned or in use. */
  async remove(text: string): Promise<void> {
    const taskId = taskIdOf(text);
    if (this.#held.has(taskId)) {
      throw new ProtocolError("BAD_REQUEST", `${text} is pinned; unpin it first`);
    }
    if (!(await this.#cache.remove(taskId))) throw absent(text);
    this.#catalog.forget(taskId);
  }

  /** Throws ProtocolError NOT_FOUND, LIMIT_EXCEEDED. */
  async pin(text: string): Promise<void> {
    const taskId = taskIdOf(text);
    if (this.#held.has(taskId)) return;
    if (!this.#cache.list().some((row) => row.taskId === taskId)) throw absent(text);
    this.#catalog.note(taskId, { isPinned: true });
    if (!(await this.#hold(taskId))) throw absent(text);
  }

  /** Throws ProtocolError NOT_FOUND. */
  unpin(text: string): void {
    const taskId = taskIdOf(text);
    const held = this.#held.get(taskId);
    if (!held) throw new ProtocolError("NOT_FOUND", `${text} is not pinned`);
    this.#held.delete(taskId);
    held[Symbol.dispose]();
    this.#catalog.note(taskId, { isPinned: false });
  }

  /** Takes in a file. Throws as LocalCache.take does. */
  async take(
    text: string,
    named: string | undefined,
    content: { readonly lengthBytes: number; readonly chunks: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<CachedTask> {
    const digest = parseDigest(text);
    if (!digest) throw new ProtocolError("BAD_REQUEST", "a file is taken in by its digest");
    const { lengthBytes, chunks } = content;
    const taskId = await this.#cache.take(digest, lengthBytes, chunks, signal);
    if (named !== undefined) this.#catalog.note(taskId, { name: named });
    return this.find(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of this.#held.values()) held[Symbol.dispose]();
    this.#held.clear();
    await this.#catalog.close();
  }

  async #hold(taskId: TaskId): Promise<boolean> {
    const held = await this.#cache.hold(taskId);
    if (!held) return false;
    this.#held.get(taskId)?.[Symbol.dispose]();
    this.#held.set(taskId, held);
    return true;
  }

  #describe(row: TaskSummaryRow): CachedTask {
    const { taskId, lengthBytes, mediaType, heldBytes, heldPieces, lastUsedAtMs } = row;
    const entry = this.#catalog.get(taskId);
    const isFull =
      lengthBytes !== undefined && heldPieces === pieceCount(lengthBytes, row.pieceLengthBytes);
    const isPinned = this.#held.has(taskId);
    return {
      taskId,
      ...(entry?.name === undefined ? {} : { name: entry.name }),
      ...(entry?.source === undefined ? {} : { source: entry.source }),
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
      ...(mediaType === undefined ? {} : { mediaType }),
      heldBytes,
      isComplete: isFull && row.isProven,
      isPinned,
      isInUse: row.isPinned && !isPinned,
      isPrivate: entry?.isPrivate === true,
      lastUsedAtMs,
    };
  }
}

function taskIdOf(text: string): TaskId {
  const taskId = parseTaskId(text);
  if (taskId) return taskId;
  throw new ProtocolError("BAD_REQUEST", "a task is named sha256:..., sha512:... or url:...");
}

function absent(text: string): ProtocolError {
  return new ProtocolError("NOT_FOUND", `${text} is not here; see dfget ls`);
}
