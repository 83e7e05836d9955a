import type { TaskId } from "../../protocol/task-id.ts";

/** What is kept of short contents together. */
export const SMALL_CONTENTS_BYTES_MAX = 16 * 1024 * 1024;
/** The longest content that is kept, and that is read without the hashing thread. */
export const SMALL_CONTENT_BYTES_MAX = 64 * 1024;
/** What an entry takes besides its bytes. */
const ENTRY_BYTES = 512;

/** A short content that was proven. Nobody writes to its bytes. */
export interface SmallContent {
  readonly content: Uint8Array;
  /** Of its first piece. */
  readonly certificate: Uint8Array;
  /** Those of the others. */
  readonly otherCertificates?: readonly Uint8Array[];
}

/**
 * Short contents that were read or asked for last, whole: to open a file and read it takes longer than to send what is in
 * it, and nodes that fetch the same files ask for them within moments of each other.
 */
export class SmallContents {
  /** The one used longest ago first. */
  readonly #kept = new Map<TaskId, SmallContent>();
  #bytes = 0;

  /** The content of a task; it counts as used now. */
  get(taskId: TaskId): SmallContent | undefined {
    const kept = this.#kept.get(taskId);
    if (!kept) return undefined;
    this.#kept.delete(taskId);
    this.#kept.set(taskId, kept);
    return kept;
  }

  has(taskId: TaskId): boolean {
    return this.#kept.has(taskId);
  }

  /** Keeps a content when it is short; those used longest ago may go for it. */
  keep(taskId: TaskId, small: SmallContent): void {
    if (small.content.length > SMALL_CONTENT_BYTES_MAX) return;
    this.forget(taskId);
    this.#kept.set(taskId, small);
    this.#bytes += weightOf(small);
    while (this.#bytes > SMALL_CONTENTS_BYTES_MAX) this.forget(this.#kept.keys().next().value!);
  }

  forget(taskId: TaskId): void {
    const kept = this.#kept.get(taskId);
    if (!kept) return;
    this.#kept.delete(taskId);
    this.#bytes -= weightOf(kept);
  }
}

function weightOf({ content, certificate }: SmallContent): number {
  return content.length + certificate.length + ENTRY_BYTES;
}
