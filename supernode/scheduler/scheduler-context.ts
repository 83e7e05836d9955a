import type { HostRecord } from "./host-record.ts";
import type { SchedulerOptions } from "./scheduler-options.ts";
import type { Host, SchedulerOut, Task } from "./scheduler-out.ts";
import type { TaskRecord } from "./task-record.ts";

const ASK_AGAIN_MS = 200;

/** What the parts of a scheduler share. */
export class SchedulerContext {
  readonly options: Readonly<SchedulerOptions>;
  readonly out: SchedulerOut;
  readonly random: () => number;
  readonly hosts = new Map<Host, HostRecord>();
  readonly tasks = new Map<Task, TaskRecord>();
  /** Tasks that may have something to do. Most of ten thousand have not, and are not looked at. */
  readonly busy = new Set<TaskRecord>();
  seedBytesPerSecond: number;
  #wakeMs = Infinity;
  /** When the last ban ends: after it nobody is out. */
  #lastBanEndMs = -Infinity;

  constructor(options: Readonly<SchedulerOptions>, out: SchedulerOut, random: () => number) {
    this.options = options;
    this.out = out;
    this.random = random;
    this.seedBytesPerSecond = options.seedBytesPerSecond;
  }

  /** Whether a host that is connected is out. */
  isOut(nowMs: number, host: Host): boolean {
    // A member is connected, and looking it up among fifty thousand costs more than all else of a join.
    if (nowMs >= this.#lastBanEndMs) return false;
    return this.hosts.get(host)?.isOut(nowMs) ?? true;
  }

  /** Somebody is out until this time. */
  noteBan(untilMs: number): void {
    this.#lastBanEndMs = Math.max(this.#lastBanEndMs, untilMs);
  }

  /** One of the list at random; undefined when it is empty. */
  oneOf<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  /** The task that something happens to: it is looked at again. */
  touch(task: Task): TaskRecord | undefined {
    const record = this.tasks.get(task);
    if (record !== undefined) this.busy.add(record);
    return record;
  }

  /** Asks a member what it holds, unless it was asked just now. */
  ask(nowMs: number, record: TaskRecord, host: Host): void {
    const askedMs = record.asked.get(host);
    if (askedMs !== undefined && nowMs - askedMs < ASK_AGAIN_MS) return;
    record.asked.set(host, nowMs);
    this.out.askProgress(host, record.task);
  }

  /** Asks to be ticked at or after this time. */
  wake(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = atMs;
    this.out.wake(atMs);
  }

  /** The tick that was asked for has come. */
  woken(): void {
    this.#wakeMs = Infinity;
  }
}
