import type { TaskSummary } from "../protocol/rest.ts";
import type { TaskId } from "../protocol/task-id.ts";
import type { PieceStore } from "../store/piece-store.ts";

/** The most tasks whose figures are kept after their last node left. */
const SUMMARIES_MAX = 4096;

/** The figures of tasks that no node takes part in any more. */
export class TaskHistory {
  readonly #store: PieceStore;
  /** The one that ended longest ago first. */
  readonly #summaries = new Map<string, TaskSummary>();

  constructor(store: PieceStore) {
    this.#store = store;
  }

  /** Adds what a task came to; figures of its earlier lives are added up. */
  add(summary: TaskSummary): void {
    const earlier = this.#summaries.get(summary.taskId);
    this.#summaries.delete(summary.taskId);
    this.#summaries.set(summary.taskId, plus(summary, earlier));
    if (this.#summaries.size > SUMMARIES_MAX) {
      this.#summaries.delete(this.#summaries.keys().next().value!);
    }
  }

  /** A live task's figures with those of its earlier lives. */
  withEarlier(summary: TaskSummary): TaskSummary {
    return plus(summary, this.#summaries.get(summary.taskId));
  }

  /** Tasks that the store holds or that ended not long ago, without those in `live`. */
  list(live: ReadonlySet<TaskId>): readonly TaskSummary[] {
    const stored: TaskSummary[] = this.#store.list().map((row) => {
      const { taskId, lengthBytes, pieceLengthBytes, heldPieces } = row;
      const figures: TaskSummary = {
        taskId,
        state: row.isProven ? "complete" : "fetching",
        ...(lengthBytes === undefined ? {} : { lengthBytes }),
        pieceLengthBytes,
        piecesReady: heldPieces,
        peers: 0,
        originRequests: 0,
        originBytes: 0,
        seedBytes: 0,
      };
      return plus(figures, this.#summaries.get(taskId));
    });
    const isStored = new Set(stored.map(({ taskId }) => taskId));
    const others = [...this.#summaries.values()].filter(({ taskId }) => !isStored.has(taskId));
    return [...stored, ...others].filter(({ taskId }) => !live.has(taskId as TaskId));
  }
}

function plus(summary: TaskSummary, earlier: TaskSummary | undefined): TaskSummary {
  if (!earlier) return summary;
  return {
    ...summary,
    originRequests: summary.originRequests + earlier.originRequests,
    originBytes: summary.originBytes + earlier.originBytes,
    seedBytes: summary.seedBytes + earlier.seedBytes,
  };
}
