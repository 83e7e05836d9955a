import { RecentMap } from "../../platform/recent-map.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { SmallContent } from "./open-task.ts";
import type { TaskSession } from "./task-session.ts";

/** The longest content that is kept in memory, and how many of them: 16 MiB together. */
export const SMALL_LENGTH_BYTES_MAX = 64 * 1024;
export const SMALL_CONTENTS_MAX = 256;

interface Kept extends SmallContent {
  readonly session: TaskSession;
}

/**
 * Manifests and other small contents, whole, as they came or were last read. Opening a task and reading its file costs several times
 * what sending so few bytes does.
 */
export class SmallContents {
  readonly #kept = new RecentMap<TaskId, Kept>(SMALL_CONTENTS_MAX);

  /** The content of a task that is complete and sound; undefined when it is too long or cannot be read. */
  async of(session: TaskSession): Promise<SmallContent | undefined> {
    const { taskId, lengthBytes } = session;
    if (lengthBytes === undefined || lengthBytes > SMALL_LENGTH_BYTES_MAX) return undefined;
    const kept = this.#kept.get(taskId);
    // A session of its own: what was held before may have been thrown away since.
    if (kept?.session === session) return kept;
    using _use = session.use();
    const bytes = new Uint8Array(lengthBytes);
    try {
      await session.stored.read(0, bytes);
    } catch {
      return undefined;
    }
    if (session.failure || !session.isComplete) return undefined;
    this.#put(session, bytes);
    return { bytes, mediaType: session.stored.record.mediaType, source: "disk" };
  }

  /** Keeps a copy of a content that has just come, when it is short. */
  keep(session: TaskSession, content: Uint8Array): void {
    if (content.length <= SMALL_LENGTH_BYTES_MAX) this.#put(session, new Uint8Array(content));
  }

  /** The bytes of a content, if they are kept and nobody has written to its file since. */
  inMemory(session: TaskSession): Uint8Array | undefined {
    const kept = this.#kept.get(session.taskId);
    const isOurs = kept?.session === session && session.isComplete && !session.failure;
    return isOurs && session.stored.isUntouched ? kept.bytes : undefined;
  }

  #put(session: TaskSession, bytes: Uint8Array): void {
    const { mediaType } = session.stored.record;
    this.#kept.set(session.taskId, { bytes, mediaType, source: "memory", session });
  }
}
