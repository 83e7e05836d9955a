import type { LimitFunction } from "p-limit";

import { Bitmap } from "../../protocol/bitmap.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskSummary } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import type { SeedDeps, SeedSink } from "../seed/seed-request.ts";
import { fitted } from "./bitmap-fit.ts";
import type { Holding } from "./join-request.ts";
import type { OriginCounts } from "./probe-stream.ts";
import type { RecentMismatches } from "./recent-mismatches.ts";
import { seedFromMembers } from "./seeding.ts";
import type { TaskShape } from "./task-answers.ts";
import { TaskAnswers, sendAbort } from "./task-answers.ts";
import type { TaskJoin } from "./task-members.ts";
import { TaskMembers } from "./task-members.ts";

/** Times of a task, milliseconds. */
export interface TaskTimes {
  /** How long a task that nobody wants any more goes on being read. */
  readonly abandonMs: number;
  /** How long the reading of a task that nodes join with pieces waits for others that hold the rest. */
  readonly reconnectMs: number;
}

export interface LiveTaskDeps {
  readonly seed: SeedDeps;
  readonly driver: SchedulerDriver;
  readonly seedSlots: LimitFunction;
  readonly mismatches: RecentMismatches;
  readonly totals: OriginCounts;
  readonly times: TaskTimes;
  /** The number of a join is free again: the task was aborted for it. */
  readonly onJoinEnded: (join: TaskJoin) => void;
  /** Nobody takes part any more, or the task failed. `ended` resolves when nothing of it runs any more. */
  readonly onClosed: (task: LiveTask, ended: Promise<void>) => void;
}

type State = "opening" | "idle" | "fetching" | "complete" | "closed";

/** One task that nodes take part in: its members, and the one reading of its origin. */
export class LiveTask {
  readonly taskId: TaskId;
  /** Its number at the scheduler. */
  readonly number: Task;
  readonly members = new TaskMembers();
  readonly #deps: LiveTaskDeps;
  readonly #answers: TaskAnswers;
  readonly #abort = new AbortController();
  #state: State = "opening";
  #stored: StoredTask | undefined;
  #shape: TaskShape | undefined;
  /** The pieces that the scheduler was told of. */
  #ready = new Bitmap(0);
  #isStarving = false;
  #working: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #originRequests = 0;
  #originBytes = 0;
  seedBytes = 0;

  /** `before` resolves when an earlier task of the same id has come to rest. */
  constructor(deps: LiveTaskDeps, taskId: TaskId, number: Task, before: Promise<void>) {
    this.#deps = deps;
    this.taskId = taskId;
    this.number = number;
    this.#answers = new TaskAnswers(this, deps.driver);
    this.#working = this.#open(before);
  }

  join(join: TaskJoin): void {
    clearTimeout(this.#timer);
    this.members.add(join);
    if (!this.#shape && join.holding && isWhole(join.holding)) this.#adopt(join.holding);
    if (this.#shape) this.#answers.answer(join);
    this.#considerReading();
  }

  leave(node: ConnectedNode, number: number): void {
    if (!this.members.remove(node, number)) return;
    this.#deps.driver.leave(this.number, node.host);
    if (this.members.size > 0) {
      this.#considerReading();
      return;
    }
    if (this.#state !== "fetching" && this.#state !== "opening") this.close();
    else this.#after(this.#deps.times.abandonMs, () => this.members.size === 0 && this.close());
  }

  /** The node has what `have` says. */
  progress(node: ConnectedNode, have: Bitmap): void {
    if (this.#shape) this.#deps.driver.progress(this.number, node.host, fitted(have, this.#pieceCount));
  }

  /** Nothing comes in at the node. */
  starve(node: ConnectedNode): void {
    if (!this.#shape) return;
    this.#deps.driver.starve(this.number, node.host);
    this.#isStarving = true;
    this.#considerReading();
  }

  /** Length, piece length and media type; undefined while the origin has not told them. */
  get shape(): TaskShape | undefined {
    return this.#shape;
  }

  /** The task in the store; undefined where only peers hold it. */
  get stored(): StoredTask | undefined {
    return this.#stored;
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  get summary(): TaskSummary {
    const { lengthBytes, pieceLengthBytes } = this.#shape ?? { pieceLengthBytes: 0 };
    return {
      taskId: this.taskId,
      state: this.isComplete ? "complete" : this.#state === "closed" ? "failed" : "fetching",
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
      pieceLengthBytes,
      piecesReady: this.#ready.count,
      peers: this.members.size,
      originRequests: this.#originRequests,
      originBytes: this.#originBytes,
      seedBytes: this.seedBytes,
    };
  }

  /** Ends the task; what is held is kept. Joins that are left are not told. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#abort.abort(new ProtocolError("SHUTTING_DOWN", "nobody wants the task any more"));
    this.#deps.driver.closeTask(this.number);
    const ended = this.#working.then(() => this.#stored?.[Symbol.dispose]());
    this.#deps.onClosed(this, ended);
  }

  get #pieceCount(): number {
    const { lengthBytes, pieceLengthBytes } = this.#shape!;
    return lengthBytes === undefined ? this.#ready.length : pieceCount(lengthBytes, pieceLengthBytes);
  }

  async #open(before: Promise<void>): Promise<void> {
    try {
      await before;
      const stored = await this.#deps.seed.store.find(this.taskId);
      if (this.#state === "closed") return stored?.[Symbol.dispose]();
      this.#state = "idle";
      if (stored?.record.isProven === true && stored.isComplete) {
        this.#take(stored);
        this.#complete();
      } else {
        stored?.[Symbol.dispose]();
        this.#considerReading();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Begins to read the origin when somebody lacks what nobody holds. */
  #considerReading(): void {
    if (this.#state !== "idle" || !this.#isReadingNeeded()) return;
    const isReconnecting = [...this.members.joins()].some(
      ({ holding }) => holding !== undefined && holding.have.count > 0,
    );
    const read = (): void => {
      if (this.#state !== "idle" || !this.#isReadingNeeded()) return;
      this.#state = "fetching";
      this.#working = this.#read();
    };
    if (isReconnecting && !this.#isStarving) this.#after(this.#deps.times.reconnectMs, read);
    else read();
  }

  #isReadingNeeded(): boolean {
    if ([...this.members].every(({ isFull }) => isFull)) return false;
    if (!this.#shape || this.#isStarving) return true;
    const held = this.#deps.driver.heldByPeers(this.number);
    return held.count < this.#pieceCount;
  }

  async #read(): Promise<void> {
    const { seed, seedSlots, mismatches } = this.#deps;
    try {
      await seedFromMembers(
        {
          deps: seed,
          slots: seedSlots,
          taskId: this.taskId,
          members: this.members,
          sink: this.#sink(),
          onRefused: (joins, error) => this.#abortJoins(joins, error, false),
          recentFailure: ({ url }) => mismatches.find(this.taskId, url),
        },
        this.#abort.signal,
      );
    } catch (error) {
      if (!this.#abort.signal.aborted) await this.#giveUp(error);
    }
  }

  #sink(): SeedSink {
    const { driver, totals } = this.#deps;
    return {
      shaped: (stored) => this.#take(stored),
      pieceReady: (pieceIndex) => this.#offer(pieceIndex),
      lengthKnown: (lengthBytes) => {
        this.#shape = { ...this.#shape!, lengthBytes };
        driver.growTask(this.number, this.#pieceCount);
        this.members.sendAll((task) => ({ kind: "length", task, lengthBytes }));
      },
      proven: () => this.#complete(),
      originRequest: () => {
        this.#originRequests += 1;
        totals.originRequest();
      },
      originBytes: (lengthBytes) => {
        this.#originBytes += lengthBytes;
        totals.originBytes(lengthBytes);
      },
    };
  }

  /** The task's shape is known and what the store holds of it can be handed out. */
  #take(stored: StoredTask): void {
    this.#stored?.[Symbol.dispose]();
    this.#stored = stored;
    const { lengthBytes, pieceLengthBytes, mediaType } = stored.record;
    this.#setShape({ lengthBytes, pieceLengthBytes, mediaType });
    for (const pieceIndex of stored.have) this.#offer(pieceIndex);
    for (const join of this.members.joins()) this.#answers.answer(join);
  }

  /** A node that holds the whole tells its shape; nothing else knows it yet. */
  #adopt({ lengthBytes, pieceLengthBytes }: Holding): void {
    this.#setShape({ lengthBytes, pieceLengthBytes, mediaType: undefined });
    for (const join of this.members.joins()) this.#answers.answer(join);
  }

  #setShape(shape: TaskShape): void {
    const known = this.#shape;
    if (known) {
      const isSame =
        known.pieceLengthBytes === shape.pieceLengthBytes &&
        (known.lengthBytes === undefined || known.lengthBytes === shape.lengthBytes);
      if (isSame) return;
      throw new ProtocolError(
        "ORIGIN_CHANGED",
        `${this.taskId} is not cut as the nodes said that hold it; ask for it again`,
      );
    }
    this.#shape = shape;
    const count = shape.lengthBytes === undefined ? 0 : this.#pieceCount;
    this.#deps.driver.openTask(this.number, count, shape.pieceLengthBytes);
  }

  #offer(pieceIndex: number): void {
    if (pieceIndex >= this.#ready.length) {
      this.#ready.grow(pieceIndex + 1);
      if (this.#shape?.lengthBytes === undefined) {
        this.#deps.driver.growTask(this.number, pieceIndex + 1);
      }
    }
    if (this.#ready.add(pieceIndex)) this.#deps.driver.pieceReady(this.number, pieceIndex);
  }

  #complete(): void {
    if (this.#state === "closed") return;
    this.#state = "complete";
    clearTimeout(this.#timer);
    this.#answers.sendProven();
    if (this.members.size === 0) this.close();
  }

  /** The reading failed for good: drops pieces that may be wrong, then tells everybody. */
  async #giveUp(error: unknown): Promise<void> {
    const { seed, mismatches } = this.#deps;
    const code = error instanceof ProtocolError ? error.code : "INTERNAL";
    if (code === "DIGEST_MISMATCH" || code === "ORIGIN_CHANGED") {
      await seed.store.delete(this.taskId);
      await seed.records.deleteResumeVersion(this.taskId);
    }
    if (error instanceof ProtocolError && code === "DIGEST_MISMATCH") {
      for (const { origin } of this.members.joins()) {
        if (origin) mismatches.note(this.taskId, origin.url, error);
      }
    }
    this.#fail(error);
  }

  #fail(error: unknown): void {
    const { log } = this.#deps.seed;
    if (!(error instanceof ProtocolError)) log.error({ err: error, taskId: this.taskId }, "a task failed by a defect");
    const shown =
      error instanceof ProtocolError
        ? error
        : new ProtocolError("INTERNAL", "the supernode failed; its log says more");
    const isWrong = shown.code === "DIGEST_MISMATCH" || shown.code === "ORIGIN_CHANGED";
    log.warn({ taskId: this.taskId, code: shown.code, reason: shown.message }, "a task is aborted");
    this.#abortJoins([...this.members.joins()], shown, isWrong);
    this.close();
  }

  #abortJoins(joins: readonly TaskJoin[], error: ProtocolError, discard: boolean): void {
    for (const join of joins) {
      const isAnswered = this.members.get(join.node.host)?.answered.has(join.number) === true;
      if (this.members.remove(join.node, join.number)) this.#deps.driver.leave(this.number, join.node.host);
      if (error.code === "ORIGIN_CHANGED" && join.rejoin && !isAnswered) {
        join.rejoin();
        continue;
      }
      sendAbort(join, error, discard);
      this.#deps.onJoinEnded(join);
    }
  }

  #after(delayMs: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
    this.#timer.unref();
  }
}

function isWhole({ lengthBytes, have }: Holding): boolean {
  return lengthBytes !== undefined && have.isFull;
}
