import { hash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";

import type { Log } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";

/** The most tasks that something is remembered of; those longest unused are forgotten first. */
export const CATALOG_MAX = 20_000;
/** The most tasks that can be pinned: each keeps a file open. */
export const PINS_MAX = 1024;

/** The whole is written each time, which takes 20 ms and more when it is full. */
const SAVE_MS = 10_000;

/** What a user needs to know of a task, which the store does not. */
export interface CatalogEntry {
  readonly name?: string | undefined;
  /** Without user, password and query: those may be secrets. */
  readonly source?: string | undefined;
  readonly isPinned?: boolean | undefined;
  readonly isPrivate?: boolean | undefined;
  /** A hash of what was asked for, which tells a new version of a file from an old one. */
  readonly asked?: string | undefined;
}

/** Names, sources and pins of tasks, in a file beside the store. */
export class Catalog {
  readonly #path: string;
  readonly #log: Log;
  readonly #entries = new Map<TaskId, CatalogEntry>();
  readonly #byAsked = new Map<string, TaskId>();
  readonly #byName = new Map<string, TaskId>();
  #saving: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isChanged = false;

  private constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Reads the file; what cannot be read is forgotten. */
  static async open(path: string, log: Log): Promise<Catalog> {
    const catalog = new Catalog(path, log);
    try {
      const content = JSON.parse(await readFile(path, "utf8")) as unknown;
      for (const [taskId, entry] of parseEntries(content)) catalog.#put(taskId, entry);
    } catch (error) {
      const isNews = (error as NodeJS.ErrnoException).code !== "ENOENT";
      if (isNews) log.warn({ error: (error as Error).message }, "the catalog cannot be read");
    }
    return catalog;
  }

  get(taskId: TaskId): CatalogEntry | undefined {
    return this.#entries.get(taskId);
  }

  /** The task that was found for the same question last time. */
  lastFor(asked: string): TaskId | undefined {
    return this.#byAsked.get(asked);
  }

  /** The pinned tasks. */
  pinned(): TaskId[] {
    return [...this.#entries].filter(([, { isPinned }]) => isPinned).map(([taskId]) => taskId);
  }

  /** Adds to what is known of a task. Throws ProtocolError LIMIT_EXCEEDED for too many pins. */
  note(taskId: TaskId, news: CatalogEntry): void {
    const before = this.#entries.get(taskId);
    if (news.isPinned && !before?.isPinned && this.pinned().length >= PINS_MAX) {
      throw new ProtocolError("LIMIT_EXCEEDED", `${PINS_MAX} tasks are pinned already; unpin some`);
    }
    if (news.name !== undefined) this.#unname(news.name, taskId);
    this.#put(taskId, { ...before, ...news });
    while (this.#entries.size > CATALOG_MAX) this.#forgetOldest();
    // What the user said is written at once; where a file came from may be lost with a process that is killed.
    const isUsersWord = news.isPinned !== undefined || news.name !== undefined;
    if (isUsersWord) this.#save();
    else this.#saveLater();
  }

  forget(taskId: TaskId): void {
    if (!this.#drop(taskId)) return;
    this.#save();
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    if (this.#timer) this.#save();
    await this.#saving;
  }

  /** A name is that of one task: the last one that was given it. */
  #unname(name: string, except: TaskId): void {
    const taskId = this.#byName.get(name);
    if (taskId === undefined || taskId === except) return;
    this.#entries.set(taskId, { ...this.#entries.get(taskId), name: undefined });
  }

  #put(taskId: TaskId, entry: CatalogEntry): void {
    this.#entries.delete(taskId);
    this.#entries.set(taskId, entry);
    if (entry.asked !== undefined) this.#byAsked.set(entry.asked, taskId);
    if (entry.name !== undefined) this.#byName.set(entry.name, taskId);
  }

  #forgetOldest(): void {
    for (const [taskId, { isPinned }] of this.#entries) {
      if (!isPinned) {
        this.#drop(taskId);
        return;
      }
    }
  }

  #drop(taskId: TaskId): boolean {
    const { asked, name } = this.#entries.get(taskId) ?? {};
    if (name !== undefined && this.#byName.get(name) === taskId) this.#byName.delete(name);
    if (asked !== undefined && this.#byAsked.get(asked) === taskId) this.#byAsked.delete(asked);
    return this.#entries.delete(taskId);
  }

  /** Many files at once are one change. */
  #saveLater(): void {
    this.#timer ??= setTimeout(() => this.#save(), SAVE_MS).unref();
  }

  /** Writes the file, once for all changes that come while it is being written. */
  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isChanged = true;
    this.#saving ??= this.#write().finally(() => {
      this.#saving = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#isChanged) {
      this.#isChanged = false;
      const text = JSON.stringify(Object.fromEntries(this.#entries));
      try {
        await writeFile(`${this.#path}.new`, text, { mode: 0o600 });
        await rename(`${this.#path}.new`, this.#path);
      } catch (error) {
        this.#log.warn({ error: (error as Error).message }, "the catalog cannot be written");
        return;
      }
    }
  }
}

/** A hash of what a URL task was asked for by: it holds no secret that could be read again. */
export function askedKey(request: unknown): string {
  return hash("sha256", JSON.stringify(request), "hex").slice(0, 32);
}

function* parseEntries(content: unknown): Generator<[TaskId, CatalogEntry]> {
  if (typeof content !== "object" || content === null) return;
  for (const [id, value] of Object.entries(content)) {
    const taskId = parseTaskId(id);
    if (!taskId || typeof value !== "object" || value === null) continue;
    const { name, source, isPinned, isPrivate, asked } = value as Record<string, unknown>;
    yield [
      taskId,
      {
        ...(typeof name === "string" ? { name } : {}),
        ...(typeof source === "string" ? { source } : {}),
        ...(isPinned === true ? { isPinned } : {}),
        ...(isPrivate === true ? { isPrivate } : {}),
        ...(typeof asked === "string" ? { asked } : {}),
      },
    ];
  }
}
