import { ReaderLag } from "./reader-lag.ts";

/** A pull that has begun. */
export class PullRun {
  readonly tasks: ReadonlySet<number>;
  readonly startMs: number;
  /** Bytes that the host lacked when it began. */
  readonly lackingBytes: number;
  readonly reader: ReaderLag;
  readonly #left: Set<number>;
  endMs = Infinity;

  constructor(tasks: Iterable<number>, lacking: Iterable<number>, bytes: number, nowMs: number) {
    this.tasks = new Set(tasks);
    this.#left = new Set(lacking);
    this.lackingBytes = bytes;
    this.startMs = nowMs;
    this.reader = new ReaderLag(nowMs);
    if (this.#left.size === 0) this.endMs = nowMs;
  }

  get isOver(): boolean {
    return this.endMs !== Infinity;
  }

  get durationMs(): number {
    return this.endMs - this.startMs;
  }

  /** The host has all of a task. True when that was the last one. */
  completed(nowMs: number, task: number): boolean {
    if (!this.#left.delete(task) || this.#left.size > 0) return false;
    this.endMs = nowMs;
    return true;
  }
}
