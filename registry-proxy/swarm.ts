import type { OpenTask, SmallContent, TaskRequest } from "../dfget/peer/open-task.ts";
import type { TaskId } from "../protocol/task-id.ts";

/** What the mirror needs of the peer it shares a process with. */
export interface Swarm {
  /** Resolves when the task's length and media type are known. Rejects with ProtocolError. */
  open(request: TaskRequest, signal: AbortSignal): Promise<OpenTask>;
  /** A task that is complete and proven in the local store, without asking anybody; undefined otherwise. */
  openLocal(taskId: TaskId): Promise<OpenTask | undefined>;
  /** The whole of such a task, when it is small; undefined otherwise. */
  readSmall(taskId: TaskId): Promise<SmallContent | undefined>;
}
