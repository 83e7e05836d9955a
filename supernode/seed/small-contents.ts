import { WHOLE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";

/** What is kept of short contents together. */
export const SMALL_CONTENTS_BYTES_MAX = 16 * 1024 * 1024;
/** The longest content that is kept, and that is read without the hashing thread: what may travel whole. */
export const SMALL_CONTENT_BYTES_MAX = WHOLE_LENGTH_BYTES_MAX;
/** What an entry takes besides its bytes, with some certificates. */
const ENTRY_BYTES = 1024;

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

/** The certificates of a task that is held in full; undefined where there are none, or one is missing. */
export function allCertificates(stored: StoredTask): Omit<SmallContent, "content"> | undefined {
  const certificates: Uint8Array[] = [];
  for (let piece = 0; piece < stored.have.length; piece++) {
    const certificate = stored.certificate(piece);
    if (!certificate) return undefined;
    certificates.push(certificate);
  }
  const [certificate, ...others] = certificates;
  return (
    certificate && { certificate, ...(others.length > 0 ? { otherCertificates: others } : {}) }
  );
}

function weightOf({ content }: SmallContent): number {
  return content.length + ENTRY_BYTES;
}
