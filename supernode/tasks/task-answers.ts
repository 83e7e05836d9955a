import { INLINE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import { toNeighbour } from "../scheduler-driver.ts";
import { fitted } from "./bitmap-fit.ts";
import type { TaskJoin, TaskMembers } from "./task-members.ts";
import { pieceCount } from "../../protocol/piece-table.ts";

/** What a node has to know of a task before it can fetch. */
export interface TaskShape {
  /** Undefined until the end of a content of unknown length was reached. */
  readonly lengthBytes: number | undefined;
  readonly pieceLengthBytes: number;
  readonly mediaType: string | undefined;
}

/** The task whose joins are answered. */
export interface AnsweredTask {
  readonly taskId: TaskId;
  readonly number: Task;
  readonly members: TaskMembers;
  readonly shape: TaskShape | undefined;
  readonly stored: StoredTask | undefined;
  readonly isComplete: boolean;
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

  /** Answers a join when it can be answered now, and once only. The task's shape is known. */
  answer(join: TaskJoin): void {
    const member = this.#task.members.get(join.node.host);
    if (!member || member.answered.has(join.number)) return;
    const shape = this.#task.shape!;
    if (isInline(shape) && this.#task.stored) {
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
        neighbours: neighbours.map(toNeighbour),
      });
      if (this.#task.isComplete) join.node.link.send({ kind: "proven", task: join.number });
    });
  }

  /** The whole is proven: tells all who were answered, and answers those who waited for it. */
  sendProven(): void {
    this.#task.members.sendAll((task) => ({ kind: "proven", task }));
    for (const join of this.#task.members.joins()) this.answer(join);
  }

  #answerInline(join: TaskJoin): void {
    const { members, stored } = this.#task;
    members.get(join.node.host)!.answered.add(join.number);
    this.#inline ??= readInline(stored!);
    const isThere = (): boolean => members.get(join.node.host)?.answered.has(join.number) === true;
    void this.#inline.then((inline) => {
      join.node.link.sendWhenDrained(() =>
        isThere()
          ? {
              kind: "task",
              task: join.number,
              taskId: this.#task.taskId,
              ...this.#task.shape!,
              neighbours: [],
              ...inline,
            }
          : undefined,
      );
      join.node.link.sendWhenDrained(() =>
        isThere() ? { kind: "proven", task: join.number } : undefined,
      );
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
