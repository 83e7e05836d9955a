import type { TaskId } from "../../protocol/task-id.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import { TASKS_PER_NODE_MAX } from "../../protocol/limits.ts";
import type { TaskSummaryRow } from "../../store/piece-store.ts";
import type { TaskSession } from "./task-session.ts";

/** The most tasks at rest: a supernode takes only so many of a node, and some have to be awake. */
export const RESTING_MAX = TASKS_PER_NODE_MAX / 2;

/**
 * The tasks of a node by their number. A task that is complete and that nobody uses rests: it keeps its
 * number and its place at the supernode, but neither a file nor neighbours, until somebody wants it.
 */
export class Sessions {
  readonly #byNumber = new Map<number, TaskSession>();
  readonly #byTaskId = new Map<TaskId, TaskSession>();
  readonly #resting = new Map<TaskId, number>();
  #nextNumber = 1;

  /** A number for a new task. */
  allot(): number {
    return this.#nextNumber++;
  }

  /** The number that the next new task gets: one of a lower number was there before. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  add(session: TaskSession): void {
    this.#byNumber.set(session.number, session);
    this.#byTaskId.set(session.taskId, session);
    this.#resting.delete(session.taskId);
  }

  byNumber(number: number): TaskSession | undefined {
    return this.#byNumber.get(number);
  }

  byTaskId(taskId: string): TaskSession | undefined {
    return this.#byTaskId.get(taskId as TaskId);
  }

  /** Every task that is awake. */
  all(): Iterable<TaskSession> {
    return this.#byNumber.values();
  }

  get count(): number {
    return this.#byNumber.size;
  }

  remove(session: TaskSession): void {
    this.#byNumber.delete(session.number);
    if (this.#byTaskId.get(session.taskId) === session) this.#byTaskId.delete(session.taskId);
  }

  /**
   * Puts a complete task to rest. Of too many the one longest at rest is forgotten, and its number returned,
   * which the node leaves then; it is found in the store when somebody here wants it.
   */
  rest(taskId: TaskId, number: number): number | undefined {
    this.#resting.delete(taskId);
    this.#resting.set(taskId, number);
    if (this.#resting.size <= RESTING_MAX) return undefined;
    const [oldestId, oldestNumber] = this.#resting.entries().next().value!;
    this.#resting.delete(oldestId);
    return oldestNumber;
  }

  /** The number of a task at rest. */
  restingNumber(taskId: string): number | undefined {
    return this.#resting.get(taskId as TaskId);
  }

  /** The tasks at rest. */
  resting(): Iterable<[TaskId, number]> {
    return this.#resting;
  }

  /** The supernode no longer knows a task at rest, or the store no longer has it. */
  forget(number: number): void {
    for (const [taskId, resting] of this.#resting) {
      if (resting === number) this.#resting.delete(taskId);
    }
  }
}

/** Whether a stored task can be served to others as it is. */
export function isServable(row: TaskSummaryRow): boolean {
  return (
    row.isProven &&
    row.lengthBytes !== undefined &&
    row.heldPieces === pieceCount(row.lengthBytes, row.pieceLengthBytes) &&
    row.heldPieces > 0
  );
}
