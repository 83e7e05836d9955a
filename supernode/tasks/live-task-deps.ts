import type { LimitFunction } from "p-limit";

import type { SchedulerDriver } from "../scheduler-driver.ts";
import type { SeedDeps } from "../seed/seed-request.ts";
import type { LiveTask } from "./live-task.ts";
import type { PartSlots } from "./part-slots.ts";
import type { OriginCounts } from "./probe-stream.ts";
import type { RecentMismatches } from "./recent-mismatches.ts";
import type { TaskJoin } from "./task-members.ts";

/** Times of a task, milliseconds. */
export interface TaskTimes {
  /** How long a task that nobody wants any more goes on being read. */
  readonly abandonMs: number;
  /** How long the reading of a task that nodes join with pieces waits for others that hold the rest. */
  readonly reconnectMs: number;
}

export interface LiveTaskDeps {
  readonly seed: SeedDeps;
  readonly driver: SchedulerDriver;
  /** Bounds the tasks that are read at the same time. */
  readonly seedSlots: LimitFunction;
  /** Bounds the parts of tasks that are read at the same time. */
  readonly partSlots: PartSlots;
  readonly mismatches: RecentMismatches;
  readonly totals: OriginCounts;
  readonly times: TaskTimes;
  /** The whole is there: what its URL stands for may be another task from now on. */
  readonly onComplete: (task: LiveTask) => void;
  /** The number of a join is free again: the task was aborted for it. */
  readonly onJoinEnded: (join: TaskJoin) => void;
  /** Nobody takes part any more, or the task failed. `ended` resolves when nothing of it runs any more. */
  readonly onClosed: (task: LiveTask, ended: Promise<void>) => void;
}
