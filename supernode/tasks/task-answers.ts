import { Bitmap } from "../../protocol/bitmap.ts";
import {
  INLINE_LENGTH_BYTES_MAX,
  WHOLE_LENGTH_BYTES_MAX,
  WHOLE_PIECES_MAX,
} from "../../protocol/limits.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskScope } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { SmallContent, SmallContents } from "../seed/small-contents.ts";
import { allCertificates } from "../seed/small-contents.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import { toNeighbour } from "../scheduler-driver.ts";
import type { ContentShape } from "../seed/seed-request.ts";
import { fitted } from "./bitmap-fit.ts";
import type { TaskJoin, TaskMember, TaskMembers } from "./task-members.ts";
import type { TaskPieces } from "./task-pieces.ts";

/** So many others a node is told of that reads parts. */
const PART_NEIGHBOURS_MAX = 8;

/** With more nodes than this they exchange what is longer than 256 KiB. */
export const WHOLE_MEMBERS_MAX = 8;
/** With more than so many large frames waiting for a node, 48 MiB at most, it gets no such content whole. */
const WHOLE_WAITING_MAX = 64;

/** The task whose joins are answered. */
export interface AnsweredTask {
  readonly taskId: TaskId;
  readonly number: Task;
  readonly members: TaskMembers;
  readonly pieces: TaskPieces;
  readonly isComplete: boolean;
  readonly isBeingRead: boolean;
  /** The member has the whole. */
  markFull(member: TaskMember): void;
}

/** Answers the joins of a task. A small content travels inside the answer, which therefore waits for all of it. */
export class TaskAnswers {
  readonly #task: AnsweredTask;
  readonly #driver: SchedulerDriver;
  readonly #small: SmallContents;
  #inline: Promise<SmallContent | undefined> | undefined;

  constructor(task: AnsweredTask, driver: SchedulerDriver, small: SmallContents) {
    this.#task = task;
    this.#driver = driver;
    this.#small = small;
  }

  /** Whether a join of the task, which is complete, can be answered without its file. */
  needsNoFile(join: TaskJoin): boolean {
    const { shape } = this.#task.pieces;
    if (!shape || !this.#small.has(this.#task.taskId)) return false;
    return isInline(shape) || this.#mayTravelWhole(join, shape);
  }

  /** Whether a content is being read from the store, which must not be closed meanwhile. */
  get isReading(): boolean {
    return this.#inline !== undefined;
  }

  /**
   * Whether a content that is longer than what every node takes whole travels so to this one: not where many take part, who
   * are better off with exchanging it, nor where much waits for the node already.
   */
  #mayTravelWhole({ node, wholeBytesMax = 0, isPart }: TaskJoin, shape: ContentShape): boolean {
    const { lengthBytes } = shape;
    if (isPart || lengthBytes === undefined) return false;
    if (lengthBytes > Math.min(wholeBytesMax, WHOLE_LENGTH_BYTES_MAX)) return false;
    const areFew = this.#task.members.size <= WHOLE_MEMBERS_MAX;
    return (
      areFew && countOf(shape) <= WHOLE_PIECES_MAX && node.link.waitingCount < WHOLE_WAITING_MAX
    );
  }

  /** Answers a join when it can be answered now, and once only. The task's shape is known. */
  answer(join: TaskJoin): void {
    const member = this.#task.members.get(join.node.host);
    if (!member || member.answered.has(join.number)) return;
    const shape = this.#task.pieces.shape!;
    const isHere = this.#task.pieces.stored || (this.#task.isComplete && this.needsNoFile(join));
    if (isInline(shape) && isHere) {
      if (this.#task.isComplete) this.#answerInline(join);
      return;
    }
    if (isHere && this.#mayTravelWhole(join, shape)) {
      if (this.#task.isComplete) this.#answerInline(join);
      if (this.#task.isComplete || this.#task.isBeingRead) return;
    }
    member.answered.add(join.number);
    if (!member.isFull) member.fetching.add(join.number);
    if (member.isPart) {
      this.#answer(join, this.#others(join.node));
      return;
    }
    const count = shape.lengthBytes === undefined ? undefined : countOf(shape);
    const held = join.holding?.have;
    const have = held && count !== undefined ? fitted(held, count) : held;
    this.#driver.join(this.#task.number, join.node.host, have, (neighbours) => {
      this.#answer(join, neighbours);
    });
  }

  /** Answers every join that can be answered now and has not been. The task's shape is known. */
  answerAll(): void {
    for (const join of this.#task.members.joins()) this.answer(join);
  }

  /** A member that took part for parts wants the whole: it becomes one of those who exchange it. */
  enter({ node, answered, holding, isFull }: TaskMember): void {
    const { shape, count } = this.#task.pieces;
    const said = holding && fitted(holding, count);
    const have = isFull ? Bitmap.full(count) : said;
    const known = shape?.lengthBytes === undefined ? undefined : have;
    this.#driver.join(this.#task.number, node.host, known, (neighbours) => {
      for (const task of answered) {
        const named = neighbours.map(toNeighbour);
        node.link.send({ kind: "neighbours", task, neighbours: named, far: false });
      }
    });
  }

  #answer(join: TaskJoin, neighbours: readonly ConnectedNode[]): void {
    const { link } = join.node;
    link.send({
      kind: "task",
      task: join.number,
      taskId: this.#task.taskId,
      ...this.#task.pieces.shape!,
      lastModified: join.lastModified,
      neighbours: neighbours.map(toNeighbour),
      ...admissionOf(join),
    });
    if (this.#task.isComplete) link.send({ kind: "proven", task: join.number });
  }

  /** Some other members, for one that the scheduler does not look after: one that holds all, then those of the same zone. */
  #others(node: ConnectedNode): readonly ConnectedNode[] {
    const near: ConnectedNode[] = [];
    const far: ConnectedNode[] = [];
    let full: ConnectedNode | undefined;
    for (const { node: other, isFull } of this.#task.members) {
      if (other === node) continue;
      if (isFull && (other.zone === node.zone || full?.zone !== node.zone)) full = other;
      const list = other.zone === node.zone ? near : far;
      list.push(other);
      // Those who came last are nearest in what they read, and have the fewest neighbours.
      if (list.length > PART_NEIGHBOURS_MAX) list.shift();
    }
    return [...new Set([...(full ? [full] : []), ...near, ...far])].slice(0, PART_NEIGHBOURS_MAX);
  }

  #answerInline(join: TaskJoin): void {
    const { members, pieces, taskId } = this.#task;
    members.get(join.node.host)!.answered.add(join.number);
    const small = this.#small.get(taskId);
    if (small) {
      this.#sendInline(join, small);
      return;
    }
    // Shared by those who ask at the same time; only what is short is kept for longer.
    this.#inline ??= this.#read(pieces.stored!).finally(() => (this.#inline = undefined));
    void this.#inline.then((read) => this.#sendInline(join, read));
  }

  async #read(stored: StoredTask): Promise<SmallContent | undefined> {
    const read = await readInline(stored);
    if (read && this.#task.isComplete) this.#small.keep(this.#task.taskId, read);
    return read;
  }

  #sendInline(join: TaskJoin, read: SmallContent | undefined): void {
    const { members, taskId } = this.#task;
    const shape = this.#task.pieces.shape!;
    const whenThere = (frame: () => SupernodeFrame) => (): SupernodeFrame | undefined =>
      members.get(join.node.host)?.answered.has(join.number) === true ? frame() : undefined;
    const { link } = join.node;
    // While it was read others may have come before it.
    const hasRoom = isInline(shape) || link.waitingCount < WHOLE_WAITING_MAX;
    const inline = hasRoom && isAllowed(join, taskId) ? read : undefined;
    const { number: task, lastModified } = join;
    link.sendWhenDrained(
      whenThere(() => ({
        kind: "task",
        task,
        taskId,
        ...shape,
        lastModified,
        neighbours: [],
        ...inline,
        ...admissionOf(join),
      })),
    );
    link.sendWhenDrained(whenThere(() => ({ kind: "proven", task })));
    const member = members.get(join.node.host);
    // Who fetches it in pieces meanwhile has no use for it, and still needs those.
    if (!member || member.fetching.size > 0) return;
    if (inline || shape.lengthBytes === 0) this.#task.markFull(member);
  }
}

/** Tells a node that it cannot have a task. */
export function sendAbort(
  { node, number }: Pick<TaskJoin, "node" | "number">,
  error: ProtocolError,
  discard: boolean,
): void {
  const { originStatus, challenge } = error.details;
  node.link.send({
    kind: "abort",
    task: number,
    code: error.code,
    message: error.message.slice(0, 512),
    ...(originStatus === undefined ? {} : { originStatus }),
    ...(challenge === undefined ? {} : { challenge }),
    discard,
  });
}

/** A node that only holds a private task, and was not admitted to it, is not given what it says it holds. */
function isAllowed({ admission }: TaskJoin, taskId: TaskId): boolean {
  return admission !== undefined || taskScope(taskId) === undefined;
}

function admissionOf({ admission }: TaskJoin): { readonly admission?: Uint8Array } {
  return admission === undefined ? {} : { admission };
}

/** Whether a content is so small that it travels inside the answer. */
export function isInline(shape: ContentShape): boolean {
  const { lengthBytes } = shape;
  return lengthBytes !== undefined && lengthBytes <= INLINE_LENGTH_BYTES_MAX && countOf(shape) <= 1;
}

function countOf({ lengthBytes, pieceLengthBytes }: ContentShape): number {
  return pieceCount(lengthBytes!, pieceLengthBytes);
}

/** All of a small task; undefined for an empty one, or when it cannot be read and the node has to fetch it. */
async function readInline(stored: StoredTask): Promise<SmallContent | undefined> {
  const certificates = allCertificates(stored);
  if (!certificates) return undefined;
  const content = new Uint8Array(stored.record.lengthBytes!);
  try {
    await stored.read(0, content);
  } catch {
    return undefined;
  }
  return { content, ...certificates };
}
