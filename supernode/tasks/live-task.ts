import type { Bitmap } from "../../protocol/bitmap.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskSummary } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Task } from "../scheduler/scheduler.ts";
import { fitted } from "./bitmap-fit.ts";
import type { LiveTaskDeps } from "./live-task-deps.ts";
import type { ProbeStream } from "./probe-stream.ts";
import { TaskAnswers, isInline, sendAbort } from "./task-answers.ts";
import { TaskFigures } from "./task-figures.ts";
import type { TaskJoin, TaskMember } from "./task-members.ts";
import { TaskMembers } from "./task-members.ts";
import { TaskPieces } from "./task-pieces.ts";
import { TaskReading } from "./task-reading.ts";

type Want = Extract<NodeFrame, { kind: "want" }>;

/** One task that nodes take part in: what they do and say. What the seed has of it is a {@link TaskReading}. */
export class LiveTask {
  readonly taskId: TaskId;
  /** Its number at the scheduler. */
  readonly number: Task;
  readonly members = new TaskMembers();
  readonly pieces: TaskPieces;
  readonly figures: TaskFigures;
  readonly #deps: LiveTaskDeps;
  readonly #answers: TaskAnswers;
  readonly #reading: TaskReading;
  #abandonTimer: NodeJS.Timeout | undefined;

  /** `before` resolves when an earlier task of the same id has come to rest. */
  constructor(deps: LiveTaskDeps, taskId: TaskId, number: Task, before: Promise<void>) {
    this.#deps = deps;
    this.taskId = taskId;
    this.number = number;
    this.figures = new TaskFigures(deps.totals);
    this.pieces = new TaskPieces(taskId, number, deps.driver);
    this.#answers = new TaskAnswers(this, deps.driver, deps.seed.small);
    this.#reading = new TaskReading(this, deps, this.#answers, {
      completed: () => deps.onComplete(this),
      refused: (joins, error, discard) => this.#abortJoins(joins, error, discard),
      deserted: () => this.close(),
    });
    this.#reading.open(before);
  }

  /** A node takes part. The task disposes `probe`. */
  join(join: TaskJoin, probe: ProbeStream | undefined): void {
    clearTimeout(this.#abandonTimer);
    this.members.add(join);
    this.#reading.joined(join, probe);
  }

  leave(node: ConnectedNode, number: number): void {
    const isGone = this.members.remove(node, number);
    this.#reading.holdings.reported();
    // A node whose join for the whole is over may go on with one for parts.
    if (isGone || this.members.get(node.host)?.isPart === true) {
      this.#deps.driver.leave(this.number, node.host);
    }
    if (!isGone) return;
    this.#reading.parts.left(node.host);
    if (this.members.size > 0) {
      this.#reading.releaseIfUnused();
      this.#reading.consider();
    } else if (this.#reading.isUnderWay) {
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
    for (const join of member.joins.values()) join.mayHold = false;
    this.#reading.holdings.reported();
    if (this.pieces.shape.lengthBytes === undefined || !map.isFull) return;
    this.markFull(member);
  }

  /** The member has the whole. */
  markFull(member: TaskMember): void {
    member.isFull = true;
    member.fetching.clear();
    if (!isInline(this.pieces.shape!)) this.#takePartForWhole(member);
    this.#reading.releaseIfUnused();
  }

  /** A node that takes part for parts waits for some pieces, or wants the whole from now on. */
  want(node: ConnectedNode, { pieces, isAgain, isWhole: wantsWhole }: Want): void {
    const member = this.members.get(node.host);
    // Who holds everything waits for nothing, and of a private task need not have been admitted.
    if (!member || member.isFull) return;
    if (wantsWhole) this.#takePartForWhole(member);
    else if (member.answered.size > 0) this.#reading.parts.want(node, pieces, isAgain);
    if (wantsWhole || this.#reading.parts.isWithoutRanges) this.#reading.consider();
  }

  /** A member that took part for parts is from now on one of those who exchange all of it. */
  #takePartForWhole(member: TaskMember): void {
    if (!member.isPart) return;
    for (const join of member.joins.values()) join.isPart = false;
    if (member.answered.size > 0) this.#answers.enter(member);
  }

  /** Nothing comes in at the node. */
  starve(node: ConnectedNode): void {
    const member = this.members.get(node.host);
    if (!this.pieces.shape || !member || member.isFull) return;
    // Who reads parts does not starve: what it said since has not reached us.
    this.#takePartForWhole(member);
    this.#deps.driver.starve(this.number, node.host);
    this.#reading.starve();
  }

  get isComplete(): boolean {
    return this.#reading.isComplete;
  }

  get isBeingRead(): boolean {
    return this.#reading.isBeingRead;
  }

  get summary(): TaskSummary {
    const { lengthBytes, pieceLengthBytes } = this.pieces.shape ?? { pieceLengthBytes: 0 };
    return {
      taskId: this.taskId,
      state: this.#reading.outcome,
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
      pieceLengthBytes,
      piecesReady: this.pieces.readyCount,
      peers: this.members.size,
      ...this.figures.summary,
    };
  }

  /** Ends the task; what is held is kept. Joins that are left are not told. */
  close(): void {
    if (this.#reading.isClosed) return;
    clearTimeout(this.#abandonTimer);
    const ended = this.#reading.close();
    this.pieces.close();
    this.#deps.onClosed(
      this,
      ended.then(() => this.pieces.release()),
    );
  }

  #abortJoins(joins: readonly TaskJoin[], error: ProtocolError, discard: boolean): void {
    for (const join of joins) {
      const { node, number, rejoin } = join;
      const isAnswered = this.members.get(node.host)?.answered.has(number) === true;
      if (this.members.remove(node, number)) {
        this.#deps.driver.leave(this.number, node.host);
        this.#reading.parts.left(node.host);
      }
      if (error.code === "ORIGIN_CHANGED" && rejoin && !isAnswered) {
        rejoin();
      } else {
        sendAbort(join, error, discard);
        this.#deps.onJoinEnded(join);
      }
    }
  }
}
