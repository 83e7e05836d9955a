import { Bitmap } from "../../protocol/bitmap.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskSummary } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SeedSink } from "../seed/seed-request.ts";
import { NOTHING_ELSEWHERE } from "../seed/seed-request.ts";
import { fitted } from "./bitmap-fit.ts";
import type { LiveTaskDeps } from "./live-task-deps.ts";
import { PartReads } from "./part-reads.ts";
import type { ProbeStream } from "./probe-stream.ts";
import { ReadingTrigger } from "./reading-trigger.ts";
import { isFree } from "./seed-slots.ts";
import { seedFromMembers } from "./seeding.ts";
import { shownError } from "./shown-error.ts";
import type { TaskAnswers } from "./task-answers.ts";
import type { TaskFigures } from "./task-figures.ts";
import { TaskHoldings } from "./task-holdings.ts";
import type { TaskJoin, TaskMembers } from "./task-members.ts";
import { isWhole } from "./task-members.ts";
import type { TaskPieces } from "./task-pieces.ts";
import { areWrong, dropWrongPieces } from "./wrong-pieces.ts";

/**
 * opening: looking into the store. idle: nothing is read, because peers hold everything or nobody lacks anything.
 * complete: the whole is in the store.
 */
type State = "opening" | "idle" | "reading" | "complete" | "closed";

/** The task whose content is read. */
interface ReadTask {
  readonly taskId: TaskId;
  readonly number: Task;
  readonly members: TaskMembers;
  readonly pieces: TaskPieces;
  readonly figures: TaskFigures;
}

interface ReadingEvents {
  /** The whole is there for the first time. */
  readonly completed: () => void;
  /** These joins cannot have the content; `discard` when what came of it is wrong. */
  readonly refused: (joins: readonly TaskJoin[], error: ProtocolError, discard: boolean) => void;
  /** The reading is over, and nobody takes part any more. */
  readonly deserted: () => void;
}

/** Made once, as each error has a stack, which takes long to make. */
const UNWANTED = new ProtocolError("SHUTTING_DOWN", "nobody wants the task any more");

/** The content of one task as the seed has it: found in the store, and read from the origins that its members named. */
export class TaskReading {
  readonly holdings: TaskHoldings;
  readonly parts: PartReads;
  readonly #task: ReadTask;
  readonly #deps: LiveTaskDeps;
  readonly #answers: TaskAnswers;
  readonly #events: ReadingEvents;
  readonly #trigger: ReadingTrigger;
  readonly #abort = new AbortController();
  #state: State = "opening";
  #outcome: TaskSummary["state"] = "fetching";
  /** A stream at the first byte, opened to find out what is there. */
  #probe: { readonly of: TaskJoin; readonly stream: ProbeStream } | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(task: ReadTask, deps: LiveTaskDeps, answers: TaskAnswers, events: ReadingEvents) {
    this.#task = task;
    this.#deps = deps;
    this.#answers = answers;
    this.#events = events;
    const { taskId, number, members, pieces } = task;
    this.holdings = new TaskHoldings({
      members,
      clock: deps.seed.clock,
      heard: () => deps.driver.heldByPeers(number),
      parts: () => this.parts,
    });
    this.#trigger = new ReadingTrigger({
      members,
      pieces,
      isWholeWanted: () => this.holdings.isWholeWanted,
      isAllHeld: () => this.holdings.isAllWith(pieces),
      isIdle: () => this.#state === "idle",
      startReading: (isStarving) => {
        this.#working = this.#read(isStarving);
      },
      reconnectMs: deps.times.reconnectMs,
    });
    this.parts = new PartReads(
      {
        seed: deps.seed,
        slots: deps.partSlots,
        taskId,
        members,
        pieces,
        holdings: this.holdings,
        mismatches: deps.mismatches,
        sink: this.#sink(),
        onRefused: (joins, error) => events.refused(joins, error, false),
        onWithoutRanges: () => this.parts.noteWithoutRanges(),
        onEnded: () => this.#trigger.consider(),
      },
      this.#abort.signal,
    );
  }

  /** Looks into the store as soon as `before` has resolved: an earlier task of the same id has come to rest. */
  open(before: Promise<void>): void {
    this.#state = "opening";
    this.#working = this.#open(before);
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether the content is being read. */
  get isBeingRead(): boolean {
    return this.#state === "reading";
  }

  /** Whether the content is being looked for or read. */
  get isUnderWay(): boolean {
    return this.#state === "reading" || this.#state === "opening";
  }

  /** What became of the content, as far as is known. */
  get outcome(): TaskSummary["state"] {
    return this.#outcome;
  }

  /** A node has joined: answers it, and reads what it needs. Disposes `probe`, at once or when it was read. */
  joined(join: TaskJoin, probe: ProbeStream | undefined): void {
    const { members, pieces } = this.#task;
    const isReadSoon = this.#state === "opening" || this.#state === "idle";
    if (probe && isReadSoon && !this.#probe) this.#probe = { of: join, stream: probe };
    else probe?.stream[Symbol.dispose]();
    const isClosed = this.isComplete && !pieces.stored && !members.areFull;
    if (isClosed && !this.#answers.needsNoFile(join)) this.open(this.#working);
    if (this.isComplete) join.origin = undefined;
    if (this.#state === "opening") return;
    if (pieces.shape) this.#answers.answer(join);
    else this.#adoptHoldings();
    this.consider();
  }

  /** Something has changed that may make the origin be needed. */
  consider(): void {
    this.#trigger.consider();
    // Nobody reads it now, and a connection that waits is one that others lack.
    if (this.#state === "idle") this.#dropProbe();
  }

  /** A node gets nothing from those who are said to hold what it lacks. */
  starve(): void {
    this.#trigger.starve();
  }

  /** Lets the store evict a complete task, and closes its file, while every member holds all of it. */
  releaseIfUnused(): void {
    const { members, pieces } = this.#task;
    if (!this.isComplete || !members.areFull || !pieces.stored) return;
    void this.#working.then(() => {
      const isUnused = this.isComplete && members.areFull;
      if (isUnused && !this.#answers.isReading) pieces.release();
    });
  }

  /** Reads no more. Resolves when nothing is read or written any more; rejects never. */
  async close(): Promise<void> {
    this.#state = "closed";
    this.#trigger[Symbol.dispose]();
    this.#dropProbe();
    this.#abort.abort(UNWANTED);
    await Promise.all([this.#working, this.parts.ended()]);
  }

  async #open(before: Promise<void>): Promise<void> {
    const { taskId, pieces } = this.#task;
    try {
      await before;
      const stored = await this.#deps.seed.store.find(taskId);
      if (this.isClosed) return stored?.[Symbol.dispose]();
      if (stored?.record.isProven === true && stored.isComplete) {
        pieces.take(stored);
        this.#complete();
        return;
      }
      if (stored && this.#isShapeEnough(stored)) pieces.take(stored);
      else stored?.[Symbol.dispose]();
      this.#state = "idle";
      if (this.#outcome === "complete") this.#beginAgain();
      if (pieces.stored) this.#answers.answerAll();
      this.#adoptHoldings();
      this.consider();
    } catch (error) {
      this.#dropProbe();
      this.#fail(error);
    }
  }

  /** Who reads parts of a digest's content needs nothing of its origin before he wants a piece that is not here. */
  #isShapeEnough({ record }: StoredTask): boolean {
    const { taskId, pieces, members } = this.#task;
    const isKnown = taskDigest(taskId) !== undefined && record.lengthBytes !== undefined;
    return isKnown && !pieces.shape && !members.wantWhole;
  }

  /** The store has evicted what was complete; the members that are left may hold it still. */
  #beginAgain(): void {
    const { pieces, members, number } = this.#task;
    this.#outcome = "fetching";
    pieces.forget();
    for (const { node, answered, isFull, isPart, holding } of members) {
      if (answered.size === 0 || isPart) continue;
      const have = isFull ? Bitmap.full(pieces.count) : holding && fitted(holding, pieces.count);
      this.#deps.driver.join(number, node.host, have, () => {});
    }
    this.#answers.answerAll();
  }

  /** A node that has the whole tells its shape where nobody else knows it. */
  #adoptHoldings(): void {
    const { pieces, members } = this.#task;
    for (const { holding } of members.joins()) {
      if (pieces.shape || !holding || !isWhole(holding)) continue;
      const { lengthBytes, pieceLengthBytes } = holding;
      pieces.adopt({ lengthBytes, pieceLengthBytes, mediaType: undefined });
      this.#answers.answerAll();
    }
  }

  /** Reads what is missing; everything that the seed lacks when those who are said to hold it do not give it. */
  async #read(isStarving: boolean): Promise<void> {
    const { seed, seedSlots, mismatches } = this.#deps;
    const { taskId, members, pieces } = this.#task;
    this.#state = "reading";
    this.#outcome = "fetching";
    if (!isFree(seedSlots)) this.#dropProbe();
    try {
      await seedFromMembers(
        {
          deps: seed,
          slots: seedSlots,
          taskId,
          members,
          sink: this.#sink(),
          takeProbe: (join) => this.#takeProbe(join),
          onRefused: (joins, error) => this.#events.refused(joins, error, false),
          elsewhere: isStarving ? NOTHING_ELSEWHERE : this.holdings,
          isUnanswered: () => this.#task.pieces.shape === undefined,
          onWithoutRanges: () => this.parts.noteWithoutRanges(),
          recentFailure: ({ url }) => mismatches.find(taskId, url),
        },
        this.#abort.signal,
      );
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        await dropWrongPieces({ seed, mismatches, taskId, members }, error);
        this.#fail(error);
      }
    }
    this.#dropProbe();
    if (this.#state === "reading") {
      // Members hold the rest, as far as they say.
      this.#state = "idle";
      if (this.#task.pieces.shape) this.#answers.answerAll();
      this.consider();
    }
    this.releaseIfUnused();
    // Who did not get it with the answer fetches it from the store.
    if (this.isComplete && !pieces.stored && !members.areFull) this.open(this.#working);
  }

  #sink(): SeedSink {
    const { pieces, members, figures } = this.#task;
    return {
      shaped: (stored) => {
        pieces.take(stored);
        this.#answers.answerAll();
      },
      whole: (shape) => {
        pieces.adopt(shape);
        this.#complete();
      },
      pieceReady: (pieceIndex) => {
        pieces.offer(pieceIndex);
        this.parts.ready(pieceIndex);
      },
      lengthKnown: (lengthBytes) => {
        pieces.setLength(lengthBytes);
        members.sendAll((task) => ({ kind: "length", task, lengthBytes }));
      },
      proven: () => this.#complete(),
      originRequest: () => figures.originRequest(),
      originBytes: (lengthBytes) => figures.originBytes(lengthBytes),
    };
  }

  #takeProbe(join: TaskJoin): ProbeStream | undefined {
    if (this.#probe?.of !== join) {
      this.#dropProbe();
      return undefined;
    }
    const { stream } = this.#probe;
    this.#probe = undefined;
    return stream;
  }

  #dropProbe(): void {
    this.#probe?.stream.stream[Symbol.dispose]();
    this.#probe = undefined;
  }

  #complete(): void {
    if (this.isClosed) return;
    const { members } = this.#task;
    const isNews = this.#outcome !== "complete";
    this.#state = "complete";
    this.#outcome = "complete";
    for (const join of members.joins()) join.origin = undefined;
    if (isNews) {
      this.#events.completed();
      members.sendAll((task) => ({ kind: "proven", task }));
    }
    this.#answers.answerAll();
    if (members.size === 0) this.#events.deserted();
    else this.releaseIfUnused();
  }

  /** Tells everybody who lacks something that the task cannot be had. */
  #fail(error: unknown): void {
    const { taskId, members } = this.#task;
    const shown = shownError(error, this.#deps.seed.log);
    const { code, message } = shown;
    this.#deps.seed.log.warn({ taskId, code, reason: message }, "a task is aborted");
    const isWrong = areWrong(shown);
    const concerned = [...members].filter(({ isFull }) => isWrong || !isFull);
    this.#events.refused(
      concerned.flatMap(({ joins }) => [...joins.values()]),
      shown,
      isWrong,
    );
    this.#outcome = "failed";
    if (members.size === 0) this.#events.deserted();
    else this.#state = "idle";
  }
}
