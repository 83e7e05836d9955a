import type { LimitFunction } from "p-limit";

import { Bitmap } from "../../protocol/bitmap.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskSummary } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import type { SeedDeps, SeedSink } from "../seed/seed-request.ts";
import { fitted } from "./bitmap-fit.ts";
import type { OriginCounts, ProbeStream } from "./probe-stream.ts";
import { ReadingTrigger } from "./reading-trigger.ts";
import type { RecentMismatches } from "./recent-mismatches.ts";
import { seedFromMembers } from "./seeding.ts";
import { TaskFigures } from "./task-figures.ts";
import { TaskAnswers, sendAbort } from "./task-answers.ts";
import { shownError } from "./shown-error.ts";
import type { TaskJoin, TaskMember } from "./task-members.ts";
import { TaskMembers, isWhole } from "./task-members.ts";
import { TaskPieces } from "./task-pieces.ts";
import { areWrong, dropWrongPieces } from "./wrong-pieces.ts";

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
  /** Bounds the tasks that are read at the same time. */
  readonly seedSlots: LimitFunction;
  readonly mismatches: RecentMismatches;
  readonly totals: OriginCounts;
  readonly times: TaskTimes;
  /** The whole is there: what its URL stands for may be another task from now on. */
  readonly onComplete: (task: LiveTask) => void;
  /** The number of a join is free again: the task was aborted for it. */
  readonly onJoinEnded: (join: TaskJoin) => void;
  /** Nobody takes part any more, or the task failed. `ended` resolves when nothing of it runs any more. */
  readonly onClosed: (task: LiveTask, ended: Promise<void>) => void;
}

/**
 * opening: looking into the store. idle: nothing is read, because peers hold everything or nobody lacks anything.
 * complete: the whole is in the store.
 */
type State = "opening" | "idle" | "reading" | "complete" | "closed";

/** One task that nodes take part in: its members, and the one reading of its origin. */
export class LiveTask {
  readonly taskId: TaskId;
  /** Its number at the scheduler. */
  readonly number: Task;
  readonly members = new TaskMembers();
  readonly pieces: TaskPieces;
  readonly figures: TaskFigures;
  readonly #deps: LiveTaskDeps;
  readonly #answers: TaskAnswers;
  readonly #trigger: ReadingTrigger;
  readonly #abort = new AbortController();
  #state: State = "opening";
  #outcome: TaskSummary["state"] = "fetching";
  /** A stream at the first byte, opened to find out what is there. */
  #probe: { readonly of: TaskJoin; readonly stream: ProbeStream } | undefined;
  #working: Promise<void>;
  #abandonTimer: NodeJS.Timeout | undefined;

  /** `before` resolves when an earlier task of the same id has come to rest. */
  constructor(deps: LiveTaskDeps, taskId: TaskId, number: Task, before: Promise<void>) {
    this.#deps = deps;
    this.taskId = taskId;
    this.number = number;
    this.figures = new TaskFigures(deps.totals);
    this.pieces = new TaskPieces(taskId, number, deps.driver);
    this.#answers = new TaskAnswers(this, deps.driver);
    this.#trigger = new ReadingTrigger({
      members: this.members,
      pieces: this.pieces,
      heldByPeers: () => deps.driver.heldByPeers(number).count,
      isIdle: () => this.#state === "idle",
      startReading: () => {
        this.#working = this.#read();
      },
      reconnectMs: deps.times.reconnectMs,
    });
    this.#working = this.#open(before);
  }

  /** A node takes part. The task disposes `probe`. */
  join(join: TaskJoin, probe: ProbeStream | undefined): void {
    clearTimeout(this.#abandonTimer);
    this.members.add(join);
    const isReadSoon = this.#state === "opening" || this.#state === "idle";
    if (probe && isReadSoon && !this.#probe) this.#probe = { of: join, stream: probe };
    else probe?.stream[Symbol.dispose]();
    if (this.#state === "complete" && !this.pieces.stored && !this.members.areFull) {
      this.#state = "opening";
      this.#working = this.#open(this.#working);
    }
    if (this.#state === "complete") join.origin = undefined;
    if (this.#state === "opening") return;
    if (this.pieces.shape) this.#answers.answer(join);
    else this.#adoptHoldings();
    this.#trigger.consider();
  }

  leave(node: ConnectedNode, number: number): void {
    if (!this.members.remove(node, number)) return;
    this.#deps.driver.leave(this.number, node.host);
    if (this.members.size > 0) {
      this.#releaseIfUnused();
      this.#trigger.consider();
    } else if (this.#state === "reading" || this.#state === "opening") {
      clearTimeout(this.#abandonTimer);
      this.#abandonTimer = setTimeout(() => this.close(), this.#deps.times.abandonMs);
      this.#abandonTimer.unref();
    } else this.close();
  }

  /** The node has what `have` says. */
  progress(node: ConnectedNode, have: Bitmap): void {
    const member = this.members.get(node.host);
    if (!member || !this.pieces.shape) return;
    const map = fitted(have, this.pieces.count);
    this.#deps.driver.progress(this.number, node.host, map);
    if (this.pieces.shape.lengthBytes === undefined || !map.isFull) return;
    this.markFull(member);
  }

  /** The member has the whole. */
  markFull(member: TaskMember): void {
    member.isFull = true;
    this.#releaseIfUnused();
  }

  /** Nothing comes in at the node. */
  starve(node: ConnectedNode): void {
    if (!this.pieces.shape) return;
    this.#deps.driver.starve(this.number, node.host);
    this.#trigger.starve();
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  get summary(): TaskSummary {
    const { lengthBytes, pieceLengthBytes } = this.pieces.shape ?? { pieceLengthBytes: 0 };
    return {
      taskId: this.taskId,
      state: this.#outcome,
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
      pieceLengthBytes,
      piecesReady: this.pieces.readyCount,
      peers: this.members.size,
      ...this.figures.summary,
    };
  }

  /** Ends the task; what is held is kept. Joins that are left are not told. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#abandonTimer);
    this.#trigger[Symbol.dispose]();
    this.#dropProbe();
    this.#abort.abort(new ProtocolError("SHUTTING_DOWN", "nobody wants the task any more"));
    this.pieces.close();
    this.#deps.onClosed(
      this,
      this.#working.then(() => this.pieces.release()),
    );
  }

  async #open(before: Promise<void>): Promise<void> {
    try {
      await before;
      const stored = await this.#deps.seed.store.find(this.taskId);
      if (this.#state === "closed") return stored?.[Symbol.dispose]();
      if (stored?.record.isProven === true && stored.isComplete) {
        this.pieces.take(stored);
        this.#complete();
        return;
      }
      stored?.[Symbol.dispose]();
      this.#state = "idle";
      if (this.#outcome === "complete") this.#beginAgain();
      this.#adoptHoldings();
      this.#trigger.consider();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The store has evicted what was complete; the members that are left may hold it still. */
  #beginAgain(): void {
    this.#outcome = "fetching";
    this.pieces.forget();
    for (const { node, answered, isFull, holding } of this.members) {
      if (answered.size === 0) continue;
      const have = isFull
        ? Bitmap.full(this.pieces.count)
        : holding && fitted(holding, this.pieces.count);
      this.#deps.driver.join(this.number, node.host, have, () => {});
    }
    this.#answerAll();
  }

  /** A node that has the whole tells its shape where nobody else knows it. */
  #adoptHoldings(): void {
    for (const { holding } of this.members.joins()) {
      if (this.pieces.shape || !holding || !isWhole(holding)) continue;
      const { lengthBytes, pieceLengthBytes } = holding;
      this.pieces.adopt({ lengthBytes, pieceLengthBytes, mediaType: undefined });
      this.#answerAll();
    }
  }

  async #read(): Promise<void> {
    const { seed, seedSlots, mismatches } = this.#deps;
    this.#state = "reading";
    this.#outcome = "fetching";
    try {
      await seedFromMembers(
        {
          deps: seed,
          slots: seedSlots,
          taskId: this.taskId,
          members: this.members,
          sink: this.#sink(),
          takeProbe: (join) => this.#takeProbe(join),
          onRefused: (joins, error) => this.#abortJoins(joins, error, false),
          recentFailure: ({ url }) => mismatches.find(this.taskId, url),
        },
        this.#abort.signal,
      );
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        await dropWrongPieces(
          { seed, mismatches, taskId: this.taskId, members: this.members },
          error,
        );
        this.#fail(error);
      }
    }
    this.#dropProbe();
    this.#releaseIfUnused();
  }

  #sink(): SeedSink {
    return {
      shaped: (stored) => {
        this.pieces.take(stored);
        this.#answerAll();
      },
      pieceReady: (pieceIndex) => this.pieces.offer(pieceIndex),
      lengthKnown: (lengthBytes) => {
        this.pieces.setLength(lengthBytes);
        this.members.sendAll((task) => ({ kind: "length", task, lengthBytes }));
      },
      proven: () => this.#complete(),
      originRequest: () => this.figures.originRequest(),
      originBytes: (lengthBytes) => this.figures.originBytes(lengthBytes),
    };
  }

  #answerAll(): void {
    for (const join of this.members.joins()) this.#answers.answer(join);
  }

  #takeProbe(join: TaskJoin): ProbeStream | undefined {
    if (this.#probe?.of !== join) return undefined;
    const { stream } = this.#probe;
    this.#probe = undefined;
    return stream;
  }

  #dropProbe(): void {
    this.#probe?.stream.stream[Symbol.dispose]();
    this.#probe = undefined;
  }

  #complete(): void {
    if (this.#state === "closed") return;
    const isNews = this.#outcome !== "complete";
    this.#state = "complete";
    this.#outcome = "complete";
    clearTimeout(this.#abandonTimer);
    for (const join of this.members.joins()) join.origin = undefined;
    if (isNews) {
      this.#deps.onComplete(this);
      this.members.sendAll((task) => ({ kind: "proven", task }));
    }
    this.#answerAll();
    if (this.members.size === 0) this.close();
    else this.#releaseIfUnused();
  }

  /** Lets the store evict a complete task, and closes its file, while every member holds all of it. */
  #releaseIfUnused(): void {
    if (this.#state !== "complete" || !this.members.areFull || !this.pieces.stored) return;
    void this.#working.then(() => {
      const isUnused = this.#state === "complete" && this.members.areFull;
      if (isUnused && !this.#answers.isReading) this.pieces.release();
    });
  }

  /** Tells everybody who lacks something that the task cannot be had. */
  #fail(error: unknown): void {
    const shown = shownError(error, this.#deps.seed.log);
    const { code, message } = shown;
    this.#deps.seed.log.warn({ taskId: this.taskId, code, reason: message }, "a task is aborted");
    const isWrong = areWrong(shown);
    const concerned = [...this.members].filter(({ isFull }) => isWrong || !isFull);
    this.#abortJoins(
      concerned.flatMap(({ joins }) => [...joins.values()]),
      shown,
      isWrong,
    );
    this.#outcome = "failed";
    if (this.members.size === 0) this.close();
    else this.#state = "idle";
  }

  #abortJoins(joins: readonly TaskJoin[], error: ProtocolError, discard: boolean): void {
    for (const join of joins) {
      const { node, number, rejoin } = join;
      const isAnswered = this.members.get(node.host)?.answered.has(number) === true;
      if (this.members.remove(node, number)) this.#deps.driver.leave(this.number, node.host);
      if (error.code === "ORIGIN_CHANGED" && rejoin && !isAnswered) {
        rejoin();
      } else {
        sendAbort(join, error, discard);
        this.#deps.onJoinEnded(join);
      }
    }
  }
}
