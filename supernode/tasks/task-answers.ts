import { INLINE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskScope } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import { toNeighbour } from "../scheduler-driver.ts";
import { fitted } from "./bitmap-fit.ts";
import type { TaskJoin, TaskMember, TaskMembers } from "./task-members.ts";
import type { TaskPieces, TaskShape } from "./task-pieces.ts";

/** The task whose joins are answered. */
export interface AnsweredTask {
  readonly taskId: TaskId;
  readonly number: Task;
  readonly members: TaskMembers;
  readonly pieces: TaskPieces;
  readonly isComplete: boolean;
  /** The member has the whole. */
  markFull(member: TaskMember): void;
}

interface InlineContent {
  readonly content: Uint8Array;
  readonly certificate: Uint8Array;
}

/** Answers the joins of a task. A small content travels inside the answer, which therefore waits for all of it. */
export class TaskAnswers {
  readonly #task: AnsweredTask;
  readonly #driver: SchedulerDriver;
  #inline: Promise<InlineContent | undefined> | undefined;

  constructor(task: AnsweredTask, driver: SchedulerDriver) {
    this.#task = task;
    this.#driver = driver;
  }

  /** Whether a content is being read from the store, which must not be closed meanwhile. */
  get isReading(): boolean {
    return this.#inline !== undefined;
  }

  /** Answers a join when it can be answered now, and once only. The task's shape is known. */
  answer(join: TaskJoin): void {
    const member = this.#task.members.get(join.node.host);
    if (!member || member.answered.has(join.number)) return;
    const shape = this.#task.pieces.shape!;
    if (isInline(shape) && this.#task.pieces.stored) {
      if (this.#task.isComplete) this.#answerInline(join);
      return;
    }
    member.answered.add(join.number);
    const count = shape.lengthBytes === undefined ? undefined : countOf(shape);
    const held = join.holding?.have;
    const have = held && count !== undefined ? fitted(held, count) : held;
    this.#driver.join(this.#task.number, join.node.host, have, (neighbours) => {
      join.node.link.send({
        kind: "task",
        task: join.number,
        taskId: this.#task.taskId,
        ...shape,
        lastModified: join.lastModified,
        neighbours: neighbours.map(toNeighbour),
        ...admissionOf(join),
      });
      if (this.#task.isComplete) join.node.link.send({ kind: "proven", task: join.number });
    });
  }

  #answerInline(join: TaskJoin): void {
    const { members, pieces } = this.#task;
    members.get(join.node.host)!.answered.add(join.number);
    // Shared by those who ask at the same time, and forgotten then: small contents are many.
    this.#inline ??= readInline(pieces.stored!).finally(() => (this.#inline = undefined));
    const shape = pieces.shape!;
    const whenThere = (frame: () => SupernodeFrame) => (): SupernodeFrame | undefined =>
      members.get(join.node.host)?.answered.has(join.number) === true ? frame() : undefined;
    void this.#inline.then((read) => {
      const inline = isAllowed(join, this.#task.taskId) ? read : undefined;
      const { link } = join.node;
      const { taskId } = this.#task;
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
      if (member && (inline || shape.lengthBytes === 0)) this.#task.markFull(member);
    });
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

function isInline(shape: TaskShape): boolean {
  const { lengthBytes } = shape;
  return lengthBytes !== undefined && lengthBytes <= INLINE_LENGTH_BYTES_MAX && countOf(shape) <= 1;
}

function countOf({ lengthBytes, pieceLengthBytes }: TaskShape): number {
  return pieceCount(lengthBytes!, pieceLengthBytes);
}

/** The one piece of a small task; undefined for an empty one, or when it cannot be read and the node has to fetch it. */
async function readInline(stored: StoredTask): Promise<InlineContent | undefined> {
  const certificate = stored.certificate(0);
  if (!certificate) return undefined;
  const content = new Uint8Array(stored.record.lengthBytes!);
  try {
    await stored.read(0, content);
  } catch {
    return undefined;
  }
  return { content, certificate };
}
