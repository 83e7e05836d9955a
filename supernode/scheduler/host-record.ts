import { HostConduct } from "./host-conduct.ts";
import type { Host, Task } from "./scheduler-out.ts";

const NO_TASK = -1;

/** What is known of a node. Small, because there may be fifty thousand, most of them with one task. */
export class HostRecord {
  readonly host: Host;
  readonly zone: string;
  /** 0 where unknown. */
  readonly uploadBytesPerSecond: number;
  #task: Task = NO_TASK;
  #moreTasks: Set<Task> | undefined;
  #conduct: HostConduct | undefined;

  constructor(host: Host, zone: string, uploadBytesPerSecond = 0) {
    this.host = host;
    this.zone = zone;
    this.uploadBytesPerSecond = uploadBytesPerSecond > 0 ? uploadBytesPerSecond : 0;
  }

  /** Its accusations, for writing; `isOut` and `isOutForSlowness` read without making one. */
  get conduct(): HostConduct {
    return (this.#conduct ??= new HostConduct());
  }

  isOut(nowMs: number): boolean {
    return this.#conduct !== undefined && nowMs < this.#conduct.outUntilMs;
  }

  isOutForSlowness(nowMs: number): boolean {
    return this.isOut(nowMs) && this.conduct.isOutForSlowness;
  }

  hasTask(task: Task): boolean {
    return this.#task === task || this.#moreTasks?.has(task) === true;
  }

  addTask(task: Task): void {
    if (this.hasTask(task)) return;
    if (this.#task === NO_TASK) this.#task = task;
    else (this.#moreTasks ??= new Set()).add(task);
  }

  deleteTask(task: Task): void {
    if (this.#task === task) this.#task = NO_TASK;
    else this.#moreTasks?.delete(task);
  }

  /** The tasks that it takes part in; a copy. */
  tasks(): Task[] {
    const more = [...(this.#moreTasks ?? [])];
    return this.#task === NO_TASK ? more : [this.#task, ...more];
  }
}
