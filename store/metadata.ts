import { rm } from "node:fs/promises";
import { Level } from "level";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { EXIT, UserError } from "../platform/user-error.ts";
import { sealValue, unsealValue } from "./checked-value.ts";
import type { TaskRow } from "./task-row.ts";
import { decodeTaskRow, encodeTaskRow } from "./task-row.ts";

interface MetadataDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** What is kept of the last run; see the disk store. */
export interface StoreState {
  readonly bootId: string;
  readonly isClean: boolean;
  readonly epoch: number;
}

type Database = Level<string, Uint8Array>;
type Change = TaskRow | Uint8Array | undefined;

const STATE_KEY = "state";
/** How long the records of pieces of a task that is not complete wait for more: a batch costs more than what is in it. */
const GATHERING_MS = 20;
/** How long a failed write waits before it is tried again. */
const RETRY_DELAY_MS = 1000;
/** After a write the next one waits for so long: where much changes, a batch for each change costs most of the time. */
const PAUSE_MS = 10;
/** The same after a write with so many tasks: those are small, and each is fetched again in a moment if its record is lost. */
const LONG_PAUSE_MS = 50;
const MANY_TASKS = 4;

/**
 * The records of a disk store in LevelDB:
 *
 *     state                              the boot and how the last run ended
 *     task/<task id>                     a {@link TaskRow}
 *     piece/<generation>/<index, hex>    the certificate of a piece that is held
 *
 * Every value is sealed with a CRC. Changes are taken at once and written together, without a sync, in
 * the next turn of the event loop or, where many come, 10 ms after those before, and 50 ms where those were of many tasks; pieces of a task that lacks others wait 20 ms for
 * those. A batch is there as a whole or not at all. While the disk refuses
 * writes, changes wait in memory (at most one for each task and piece) and are tried again.
 */
export class Metadata {
  readonly #location: string;
  readonly #deps: MetadataDeps;
  readonly #closing = new AbortController();
  #database: Database;
  #reopening: Promise<void> = Promise.resolve();
  #changes = new Map<string, Change>();
  #inFlight = new Map<string, Change>();
  #droppedGenerations: string[] = [];
  #writing: Promise<void> | undefined;
  /** Ends the waiting for more pieces. */
  #hurry: (() => void) | undefined;
  /** Whether something waits that is to be written at once. */
  #isUrgent = false;
  #isFailing = false;
  #wroteAtMs = -Infinity;
  #pauseMs = PAUSE_MS;

  private constructor(location: string, database: Database, deps: MetadataDeps) {
    this.#location = location;
    this.#database = database;
    this.#deps = deps;
  }

  /**
   * Opens the records, making them when absent; broken ones are begun anew. Throws UserError when
   * another process has them open or the folder cannot be used.
   */
  static async open(location: string, dataDir: string, deps: MetadataDeps): Promise<Metadata> {
    try {
      return new Metadata(location, await openDatabase(location), deps);
    } catch (error) {
      if (!isCorruption(error)) throw openError(dataDir, error);
      deps.log.error(
        { err: error },
        "the store's records are broken, starting with an empty store",
      );
    }
    await rm(location, { recursive: true });
    try {
      return new Metadata(location, await openDatabase(location), deps);
    } catch (error) {
      throw openError(dataDir, error);
    }
  }

  /** True while the disk refuses to take changes. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** How the last run ended; undefined for a store that is new or whose state is damaged. */
  async state(): Promise<StoreState | undefined> {
    const sealed = await this.#database.get(STATE_KEY);
    const payload = sealed === undefined ? undefined : unsealValue(STATE_KEY, sealed);
    if (payload === undefined) return undefined;
    const state = JSON.parse(new TextDecoder().decode(payload)) as StoreState;
    return Number.isSafeInteger(state.epoch) ? state : undefined;
  }

  /** Writes the state through to the disk, before anything else happens. */
  async setState(state: StoreState): Promise<void> {
    const payload = new TextEncoder().encode(JSON.stringify(state));
    await this.#database.put(STATE_KEY, sealValue(STATE_KEY, payload), { sync: true });
  }

  /** Every readable task; the records of others are removed. */
  async tasks(): Promise<TaskRow[]> {
    const rows: TaskRow[] = [];
    for await (const entries of this.#entries("task/", "task0")) {
      for (const [key, sealed] of entries) {
        const payload = unsealValue(key, sealed);
        const row = payload === undefined ? undefined : decodeTaskRow(payload);
        if (row !== undefined && taskKey(row) === key) rows.push(row);
        else this.#change(key, undefined);
      }
    }
    return rows;
  }

  /** The certificates of the pieces of one generation, those not written yet included. */
  async pieces(generation: string): Promise<Map<number, Uint8Array>> {
    await this.#reopening;
    const prefix = `piece/${generation}/`;
    const isOurs = ([key]: [string, Change]): boolean => key.startsWith(prefix);
    const waiting = [...[...this.#inFlight].filter(isOurs), ...[...this.#changes].filter(isOurs)];
    const found = new Map<string, Uint8Array>();
    for await (const entries of this.#entries(prefix, `piece/${generation}0`)) {
      for (const [key, sealed] of entries) found.set(key, sealed);
    }
    for (const [key, change] of waiting) {
      if (change instanceof Uint8Array) found.set(key, change);
      else found.delete(key);
    }
    const certificates = new Map<number, Uint8Array>();
    for (const [key, sealed] of found) {
      const payload = unsealValue(key, sealed);
      if (payload === undefined) this.#change(key, undefined);
      else certificates.set(Number.parseInt(key.slice(prefix.length), 16), payload);
    }
    return certificates;
  }

  /** Removes the piece records of every generation that no task has; a crash may leave some. */
  async sweepPieces(generations: ReadonlySet<string>): Promise<void> {
    const iterator = this.#database.keys({ gt: "piece/", lt: "piece0" });
    try {
      for (let key = await iterator.next(); key !== undefined; key = await iterator.next()) {
        const generation = key.split("/")[1]!;
        if (!generations.has(generation)) this.dropPieces(generation);
        iterator.seek(`piece/${generation}0`);
      }
    } finally {
      await iterator.close();
    }
  }

  /** The row is written as it is when its turn comes. */
  putTask(row: TaskRow): void {
    this.#change(taskKey(row), row);
  }

  deleteTask(row: TaskRow): void {
    this.#change(taskKey(row), undefined);
    this.dropPieces(row.generation);
  }

  /** Keeps the certificate of a piece, or forgets it when undefined. */
  setPiece(generation: string, pieceIndex: number, certificate: Uint8Array | undefined): void {
    const key = pieceKey(generation, pieceIndex);
    this.#change(key, certificate === undefined ? undefined : sealValue(key, certificate));
  }

  /** Keeps the certificate of a piece of a task that still lacks others, and its row, but not at once. */
  addPiece(row: TaskRow, pieceIndex: number, certificate: Uint8Array): void {
    const key = pieceKey(row.generation, pieceIndex);
    this.#changes.set(key, sealValue(key, certificate));
    this.#changes.set(taskKey(row), row);
    this.#writing ??= this.#writeAll();
  }

  /** Forgets all pieces of a generation that will not be used again. */
  dropPieces(generation: string): void {
    this.#droppedGenerations.push(generation);
    this.#schedule();
  }

  /** Resolves when every change so far was written; waits for as long as the disk refuses them. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) {
      this.#hasten();
      await this.#writing;
    }
  }

  /** Writes what waits, then `state` when all of it could be written, and closes. */
  async close(state: StoreState): Promise<void> {
    this.#closing.abort();
    await this.flush();
    try {
      if (this.#changes.size === 0) await this.setState(state);
      else this.#deps.log.error({ changes: this.#changes.size }, "records of the store were lost");
    } finally {
      await this.#database.close();
    }
  }

  /** Closes without a word about how the run ended. */
  async abandon(): Promise<void> {
    this.#closing.abort();
    await this.flush();
    await this.#database.close();
  }

  /** The records between two keys, many at a time. */
  async *#entries(gt: string, lt: string): AsyncGenerator<[string, Uint8Array][]> {
    const iterator = this.#database.iterator({ gt, lt });
    try {
      for (;;) {
        const entries = await iterator.nextv(1000);
        if (entries.length === 0) return;
        yield entries;
      }
    } finally {
      await iterator.close();
    }
  }

  #change(key: string, change: Change): void {
    this.#changes.set(key, change);
    this.#schedule();
  }

  #schedule(): void {
    this.#hasten();
    this.#writing ??= this.#writeAll();
  }

  #hasten(): void {
    this.#isUrgent = true;
    this.#hurry?.();
  }

  async #gather(): Promise<void> {
    if (!this.#isUrgent) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#hurry = resolve;
      const timer = setTimeout(resolve, GATHERING_MS);
      await promise;
      clearTimeout(timer);
      this.#hurry = undefined;
    }
    await new Promise((resolve) => void setImmediate(resolve));
    this.#isUrgent = false;
  }

  async #writeAll(): Promise<void> {
    while (this.#changes.size > 0 || this.#droppedGenerations.length > 0) {
      await this.#pause();
      await this.#gather();
      const changes = this.#changes;
      const dropped = this.#droppedGenerations;
      this.#changes = new Map();
      this.#inFlight = changes;
      this.#droppedGenerations = [];
      try {
        await this.#write(changes, dropped);
        this.#isFailing = false;
        this.#inFlight = new Map();
      } catch (error) {
        for (const [key, change] of this.#changes) changes.set(key, change);
        this.#changes = changes;
        this.#inFlight = new Map();
        this.#droppedGenerations.unshift(...dropped);
        if (!(await this.#canRetry(error))) break;
      }
    }
    this.#writing = undefined;
  }

  async #pause(): Promise<void> {
    const { clock } = this.#deps;
    const waitMs = this.#wroteAtMs + this.#pauseMs - clock.nowMs();
    // Closing ends the wait.
    if (waitMs > 0) await clock.sleep(waitMs, this.#closing.signal).catch(() => undefined);
    this.#wroteAtMs = clock.nowMs();
  }

  async #write(changes: Map<string, Change>, droppedGenerations: string[]): Promise<void> {
    await this.#reopening;
    let taskCount = 0;
    const operations = [...changes].map(([key, change]) => {
      if (change === undefined) return { type: "del" as const, key };
      if (!(change instanceof Uint8Array)) taskCount += 1;
      const value = change instanceof Uint8Array ? change : sealValue(key, encodeTaskRow(change));
      return { type: "put" as const, key, value };
    });
    this.#pauseMs = taskCount < MANY_TASKS ? PAUSE_MS : LONG_PAUSE_MS;
    await this.#database.batch(operations);
    for (const generation of droppedGenerations) {
      await this.#database.clear({ gt: `piece/${generation}/`, lt: `piece/${generation}0` });
    }
  }

  /** Waits and opens the database anew: after a failed write LevelDB takes no more. */
  async #canRetry(error: unknown): Promise<boolean> {
    if (!this.#isFailing) this.#deps.log.error({ err: error }, "cannot write the store's records");
    this.#isFailing = true;
    if (this.#closing.signal.aborted) return false;
    try {
      await this.#deps.clock.sleep(RETRY_DELAY_MS, this.#closing.signal);
    } catch {
      // Closing: tried once more at once.
    }
    this.#reopening = this.#reopen();
    await this.#reopening;
    return true;
  }

  async #reopen(): Promise<void> {
    try {
      await this.#database.close();
      this.#database = await openDatabase(this.#location);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "cannot open the store's records again");
    }
  }
}

function pieceKey(generation: string, pieceIndex: number): string {
  return `piece/${generation}/${pieceIndex.toString(16).padStart(8, "0")}`;
}

function taskKey(row: TaskRow): string {
  return `task/${row.taskId}`;
}

async function openDatabase(location: string): Promise<Database> {
  const database: Database = new Level(location, { keyEncoding: "utf8", valueEncoding: "view" });
  await database.open();
  return database;
}

/** Whether an error means that the records themselves are damaged. */
export function isCorruption(error: unknown): boolean {
  if (hasCode(error, "LEVEL_CORRUPTION")) return true;
  // One of LevelDB's own files is missing. What the disk refuses for other reasons may come right.
  return hasCode(error, "LEVEL_IO_ERROR") && /No such file/.test(causeMessage(error));
}

function causeMessage(error: unknown): string {
  return ((error as Error).cause as Error | undefined)?.message ?? String(error);
}

function hasCode(error: unknown, code: string): boolean {
  const failure = error as NodeJS.ErrnoException | undefined;
  return failure?.code === code || (failure?.cause as NodeJS.ErrnoException)?.code === code;
}

function openError(dataDir: string, error: unknown): UserError {
  if (hasCode(error, "LEVEL_LOCKED")) {
    return new UserError(
      EXIT.localFile,
      `the data directory ${dataDir} is in use by another process; stop it or choose another one with --data-dir`,
      error,
    );
  }
  const reason = causeMessage(error);
  return new UserError(
    EXIT.localFile,
    `the data directory ${dataDir} cannot be used: ${reason}; repair it or choose another one with --data-dir`,
    error,
  );
}
