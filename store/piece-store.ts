import type { Bitmap } from "../protocol/bitmap.ts";
import type { TaskId } from "../protocol/task-id.ts";

/** What a store knows of a task besides its pieces. */
export interface TaskRecord {
  readonly taskId: TaskId;
  readonly pieceLengthBytes: number;
  /** Undefined until the end of a task of unknown length is reached. */
  readonly lengthBytes: number | undefined;
  readonly mediaType: string | undefined;
  /** The sha256, in hex, of what names the file in whatever version; undefined for what has a digest, and where nobody said. */
  readonly fileKey?: string | undefined;
  /** The whole was checked against its digest, or the supernode vouched for it. */
  readonly isProven: boolean;
}

/** A task as a store lists it. */
export interface TaskSummaryRow extends TaskRecord {
  /** Pieces and bytes held; after an unclean stop, as they were before it until the task is opened. */
  readonly heldPieces: number;
  readonly heldBytes: number;
  /** Milliseconds since 1970; no two tasks of a store have the same. */
  readonly lastUsedAtMs: number;
  /** Whether a handle is open, so that the task cannot be evicted. */
  readonly isPinned: boolean;
}

/** The task to open or create. */
export interface OpenTaskRequest {
  readonly taskId: TaskId;
  readonly pieceLengthBytes: number;
  readonly lengthBytes?: number | undefined;
  readonly mediaType?: string | undefined;
  readonly fileKey?: string | undefined;
}

/** A task with all that belongs to it. */
export interface WholeTask extends OpenTaskRequest {
  readonly content: Uint8Array;
  /** Of its pieces, in order. */
  readonly certificates: readonly Uint8Array[];
}

/** Holds the pieces of tasks. Every piece that it shows as held was verified by whoever committed it. */
export interface PieceStore extends AsyncDisposable {
  /**
   * Opens a task, creating it when absent. What is known already wins over the request; only a task
   * that holds nothing and has no open handle is replaced when its piece length or length differs.
   * After an unclean stop it resolves when the pieces held were hashed again.
   * Throws RangeError for a shape that no task may have.
   */
  open(task: OpenTaskRequest): Promise<StoredTask>;
  /** Opens a task that exists; undefined where there is none. */
  find(taskId: TaskId): Promise<StoredTask | undefined>;
  /**
   * Keeps a task that is there whole and proven, without opening it: of a small file, to open and to close it
   * takes longer than the rest. Resolves to false, and keeps nothing, where something is known of the task already.
   * Throws StorageFullError, RangeError for another shape, and the error of the file system.
   */
  keep(task: WholeTask): Promise<boolean>;
  /** Every task, the least recently used first. */
  list(): readonly TaskSummaryRow[];
  /**
   * Forgets a task and frees its bytes. Open handles keep working, detached: their bytes stay
   * readable until they are disposed, and what they commit is not kept.
   */
  delete(taskId: TaskId): Promise<void>;
  /** Bytes of pieces held and of reservations that are still open. */
  readonly usedBytes: number;
  /** Pieces that turned out to be lost or damaged on disk since the store was opened. */
  readonly damagedPieces: number;
}

/**
 * One handle of a task, shared state behind it. Disposing it unpins: a task with an open handle is
 * never evicted. Every method but dispose throws after dispose.
 */
export interface StoredTask extends Disposable {
  /** The live record; its fields change when any handle changes them. */
  readonly record: TaskRecord;
  /**
   * The pieces held, a live view that the caller must not write to. While the length is unknown it
   * grows with the pieces. Ask for it anew after setLength.
   */
  readonly have: Bitmap;
  /** Bytes of the pieces held. */
  readonly heldBytes: number;
  /** True when the length is known and every piece is held. */
  readonly isComplete: boolean;
  /**
   * Sets the length, once; another length is taken only while nothing is held. The last piece of a
   * task of unknown length is committed after this. Throws RangeError for a length that contradicts
   * what is held.
   */
  setLength(lengthBytes: number): void;
  /** Notes that the whole is what its digest says. */
  setProven(): void;
  /** Drops every piece and the proof, because they were wrong; length and media type stay. */
  discard(): Promise<void>;
  /** The certificate of a held piece, else undefined. */
  certificate(pieceIndex: number): Uint8Array | undefined;
  /**
   * Makes room for `lengthBytes` more of this task, evicting what is not in use. The room is used up
   * by commit and given back by release or when the last handle goes; a task of known length never
   * reserves more than it lacks, so that a retried piece does not count twice in the end.
   * Throws StorageFullError when there is no room.
   */
  reserve(lengthBytes: number): void;
  /** Gives back room whose piece did not come. */
  release(lengthBytes: number): void;
  /**
   * The file for positional writes, valid in every thread of the process while the handle is held.
   * A piece is written by one writer at a time and never once it is held: the store cannot see writes
   * through this number.
   */
  readonly fd: number;
  /**
   * Writes bytes of pieces that are not held. Throws StorageFullError when the disk is full, and an
   * error for a span past the end or over a held piece.
   */
  write(offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /**
   * Notes that the piece's bytes are in the file and were verified. It is visible at once and kept
   * on disk a moment later. Does nothing for a piece that is held. Throws RangeError for an index the
   * task does not have and TypeError for bytes that are no certificate.
   */
  commit(pieceIndex: number, certificate: Uint8Array): void;
  /**
   * Fills `target` from held pieces and returns its length; throws RangeError when a byte of the span
   * is not in a held piece.
   */
  read(offsetBytes: number, target: Uint8Array): Promise<number>;
  /**
   * Hashes a held piece again. Returns false, and holds it no longer, when its bytes are not what its
   * certificate says; also false for a piece that is not held.
   */
  recheck(pieceIndex: number): Promise<boolean>;
  /** False when somebody else wrote to the file of a complete task since it was complete, or checked last. */
  readonly isUntouched: boolean;
  /** Hashes all pieces of a complete task that is not untouched again; returns how many are held no longer. */
  audit(): Promise<number>;
}

/** The quota, the floor of free space or the disk itself leaves no room for the bytes. */
export class StorageFullError extends Error {
  override readonly name = "StorageFullError";
  readonly code = "STORAGE_FULL";
}

/** The error of a failed file operation: StorageFullError when the disk or the user's share of it is full. */
export function storageErrorOf(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new StorageFullError("the disk is full; free some space on it", { cause: error });
}
