import { PIECE_COUNT_MAX } from "../protocol/limits.ts";
import { isPieceLength, isTaskShape, pieceCount } from "../protocol/piece-table.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { parseTaskId } from "../protocol/task-id.ts";
import type { OpenTaskRequest, TaskRecord, TaskSummaryRow, WholeTask } from "./piece-store.ts";

/** A task as a store keeps it in memory and on disk. It is a live {@link TaskRecord}. */
export interface TaskRow extends TaskRecord {
  lengthBytes: number | undefined;
  mediaType: string | undefined;
  isProven: boolean;
  /** Names the set of pieces: piece records of another generation belong to nothing. */
  generation: string;
  /** The pieces are verified when this is the epoch of the store; see the disk store. */
  epoch: number;
  heldPieces: number;
  heldBytes: number;
  lastUsedAtMs: number;
  /** The state that our own last write left the file in; undefined while pieces come in. */
  fileStamp: string | undefined;
}

/** The row of a task that holds nothing yet. */
export function newTaskRow(request: OpenTaskRequest, generation: string, epoch: number): TaskRow {
  return {
    taskId: request.taskId,
    pieceLengthBytes: request.pieceLengthBytes,
    lengthBytes: request.lengthBytes,
    mediaType: request.mediaType,
    fileKey: request.fileKey,
    isProven: false,
    generation,
    epoch,
    heldPieces: 0,
    heldBytes: 0,
    lastUsedAtMs: 0,
    fileStamp: undefined,
  };
}

/** Whether a task is complete without a piece. Every other task that holds none is forgotten. */
export function isEmptyContent(row: TaskRow): boolean {
  return row.lengthBytes === 0 && row.isProven;
}

/** A row as a store lists it, a copy. */
export function summaryRow(row: TaskRow, isPinned: boolean): TaskSummaryRow {
  return {
    taskId: row.taskId,
    pieceLengthBytes: row.pieceLengthBytes,
    lengthBytes: row.lengthBytes,
    mediaType: row.mediaType,
    fileKey: row.fileKey,
    isProven: row.isProven,
    heldPieces: row.heldPieces,
    heldBytes: row.heldBytes,
    lastUsedAtMs: row.lastUsedAtMs,
    isPinned,
  };
}

/** The bytes of a row for the disk. */
export function encodeTaskRow(row: TaskRow): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(row));
}

/** Reads a row. Returns undefined when a field is missing or is not what it can be. */
export function decodeTaskRow(bytes: Uint8Array): TaskRow | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const taskId = parseTaskId(String(fields["taskId"]));
  const pieceLengthBytes = count(fields["pieceLengthBytes"]);
  const lengthBytes = count(fields["lengthBytes"]);
  const epoch = count(fields["epoch"]);
  const heldPieces = count(fields["heldPieces"]);
  const heldBytes = count(fields["heldBytes"]);
  const lastUsedAtMs = count(fields["lastUsedAtMs"]);
  const { mediaType, generation, isProven, fileStamp, fileKey } = fields;
  if (taskId === undefined || pieceLengthBytes === undefined || epoch === undefined)
    return undefined;
  if (heldPieces === undefined || heldBytes === undefined || lastUsedAtMs === undefined)
    return undefined;
  if (heldPieces > PIECE_COUNT_MAX || !isShape(lengthBytes, pieceLengthBytes)) return undefined;
  if (typeof generation !== "string" || !/^[0-9a-f]{16}$/.test(generation)) return undefined;
  return {
    taskId,
    pieceLengthBytes,
    lengthBytes,
    mediaType: typeof mediaType === "string" ? mediaType : undefined,
    fileKey: typeof fileKey === "string" && /^[0-9a-f]{64}$/.test(fileKey) ? fileKey : undefined,
    isProven: isProven === true,
    generation,
    epoch,
    heldPieces,
    heldBytes,
    lastUsedAtMs,
    fileStamp: typeof fileStamp === "string" ? fileStamp : undefined,
  };
}

/** Throws RangeError when no task can have that length and piece length. */
export function checkShape(
  taskId: TaskId,
  lengthBytes: number | undefined,
  pieceLengthBytes: number,
): void {
  if (isShape(lengthBytes, pieceLengthBytes)) return;
  throw new RangeError(
    `task ${taskId} of ${lengthBytes ?? "unknown"} bytes in pieces of ${pieceLengthBytes}`,
  );
}

/** Throws RangeError for what is not the whole of such a task. */
export function checkWholeShape(task: WholeTask): void {
  const { taskId, pieceLengthBytes, content, certificates } = task;
  const { length } = content;
  checkShape(taskId, length, pieceLengthBytes);
  const count = pieceCount(length, pieceLengthBytes);
  if (length > 0 && certificates.length === count && task.lengthBytes === length) return;
  throw new RangeError(`the ${length} bytes for task ${taskId} are not the whole of it`);
}

function isShape(lengthBytes: number | undefined, pieceLengthBytes: number): boolean {
  return lengthBytes === undefined
    ? isPieceLength(pieceLengthBytes)
    : isTaskShape(lengthBytes, pieceLengthBytes);
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
}
