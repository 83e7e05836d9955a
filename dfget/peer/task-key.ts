import type { TaskId } from "../../protocol/task-id.ts";

/** 32 bits of a task id, the same at every node, by which nodes are ranked for its pieces. */
export function taskKey(taskId: TaskId): number {
  const colon = taskId.indexOf(":");
  return Number.parseInt(taskId.slice(colon + 1, colon + 9), 16);
}
