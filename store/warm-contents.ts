import type { TaskId } from "../protocol/task-id.ts";
import type { TaskContent } from "./task-content.ts";

/** The most contents kept; one of 4096 pieces takes about 1 MB. */
const CONTENTS_MAX = 32;

/**
 * The contents of tasks that were closed last, so that a task that is opened for every piece that
 * somebody asks for does not have its records read every time.
 */
export class WarmContents {
  readonly #contents = new Map<TaskId, TaskContent>();

  /** Keeps a content; the one kept longest may go. */
  keep(content: TaskContent): void {
    this.#contents.set(content.row.taskId, content);
    if (this.#contents.size <= CONTENTS_MAX) return;
    const [oldest] = this.#contents.keys();
    this.#contents.delete(oldest!);
  }

  /** Gives a content out and keeps it no longer. */
  take(taskId: TaskId): TaskContent | undefined {
    const content = this.#contents.get(taskId);
    this.#contents.delete(taskId);
    return content;
  }
}
