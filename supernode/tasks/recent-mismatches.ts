import type { Clock } from "../../platform/clock.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";

const FORGET_AFTER_MS = 10_000;
const ENTRIES_MAX = 4096;

interface Entry {
  readonly error: ProtocolError;
  readonly untilMs: number;
}

/**
 * Remembers for a short while which origin had wrong bytes for which digest, so that many who ask for them one after
 * the other do not make the origin send them again and again.
 */
export class RecentMismatches {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(taskId: TaskId, url: string, error: ProtocolError): void {
    const key = `${taskId} ${url}`;
    this.#entries.delete(key);
    this.#entries.set(key, { error, untilMs: this.#clock.nowMs() + FORGET_AFTER_MS });
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(this.#entries.keys().next().value!);
  }

  /** The error that the origin's bytes ended with; undefined when there was none lately. */
  find(taskId: TaskId, url: string): ProtocolError | undefined {
    const key = `${taskId} ${url}`;
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.untilMs > this.#clock.nowMs()) return entry.error;
    this.#entries.delete(key);
    return undefined;
  }
}
