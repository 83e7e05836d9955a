import { randomUUID } from "node:crypto";
import { fstat } from "node:fs";
import { promisify } from "node:util";
import { certificateSha256 } from "../protocol/piece-certificate.ts";
import type { DiskPace } from "./disk-pace.ts";
import { fileStamp, hasOtherName } from "./file-stamp.ts";
import type { Metadata } from "./metadata.ts";
import { hasPieceBytes } from "./piece-check.ts";
import type { WholeTask } from "./piece-store.ts";
import { TaskContent } from "./task-content.ts";
import { closeFd, makeTaskFd, openTaskFd } from "./task-fd.ts";
import type { TaskRow } from "./task-row.ts";
import { newTaskRow } from "./task-row.ts";

const statFd = promisify(fstat);

interface LoadDeps {
  readonly metadata: Metadata;
  readonly pace: DiskPace;
  /** Hears how many pieces that were held are lost. */
  readonly damaged: (droppedPieces: number) => void;
}

/** A name for a new set of pieces. */
export function newGeneration(): string {
  // Node draws many of these at a time, and only some of their digits are not random.
  const uuid = randomUUID();
  return `${uuid.slice(0, 8)}${uuid.slice(-8)}`;
}

/** The row of a task that was just written whole. */
export function wholeRow(task: WholeTask, epoch: number, stamp: string): TaskRow {
  const row = newTaskRow(task, newGeneration(), epoch);
  const whole = new TaskContent(row);
  task.certificates.forEach((certificate, piece) => whole.add(piece, certificate));
  row.isProven = true;
  row.fileStamp = stamp;
  return row;
}

/** A task to load. */
export interface LoadRequest {
  readonly path: string;
  readonly row: TaskRow;
  /** Nothing is known of it: its file begins empty. */
  readonly isNew: boolean;
  /** Its content as it was when the task was closed a while ago. */
  readonly warm: TaskContent | undefined;
  /** The epoch of the store: pieces of another one are hashed. */
  readonly epoch: number;
}

/**
 * Opens a task's file and finds out which pieces it holds. Pieces that end past the file, or that belong
 * to another epoch and do not have the bytes of their certificate, are dropped. The row's counts are
 * brought up to date in one step at the end. A task that then lacks something, in a file with a second name, begins anew.
 */
export async function loadTask(
  request: LoadRequest,
  deps: LoadDeps,
  signal: AbortSignal,
): Promise<{ content: TaskContent; fd: number }> {
  const { path, row, isNew, warm } = request;
  const made =
    isNew && deps.pace.isAtOnce(row.lengthBytes)
      ? deps.pace.run(() => makeTaskFd(path))
      : undefined;
  const fd = made ?? (await openTaskFd(path, isNew));
  try {
    if (isNew) return { content: new TaskContent(row), fd };
    const { size } = await statFd(fd);
    const isUntouched = row.fileStamp === fileStamp(fd);
    if (warm !== undefined && isUntouched && warm.endBytes <= size) return { content: warm, fd };
    const isTrusted = isUntouched && row.epoch === request.epoch;
    const content = await readContent(fd, { size, isTrusted }, request, deps, signal);
    if (content.isComplete || !hasOtherName(fd)) return { content, fd };
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
  await closeFd(fd);
  return await beginAnew(path, row, deps.metadata);
}

/** What is missing would be written into a file that somebody else has, too, under another name. */
async function beginAnew(
  path: string,
  row: TaskRow,
  metadata: Metadata,
): Promise<{ content: TaskContent; fd: number }> {
  metadata.dropPieces(row.generation);
  row.generation = newGeneration();
  row.heldPieces = 0;
  row.heldBytes = 0;
  row.isProven = false;
  row.fileStamp = undefined;
  metadata.putTask(row);
  return { content: new TaskContent(row), fd: await openTaskFd(path, true) };
}

async function readContent(
  fd: number,
  file: { readonly size: number; readonly isTrusted: boolean },
  { row, epoch }: LoadRequest,
  { metadata, damaged }: LoadDeps,
  signal: AbortSignal,
): Promise<TaskContent> {
  const content = new TaskContent(row);
  const good = new Map<number, Uint8Array>();
  for (const [pieceIndex, certificate] of await metadata.pieces(row.generation)) {
    signal.throwIfAborted();
    const span = content.spanOrNone(pieceIndex);
    const isThere =
      span !== undefined &&
      span.offsetBytes + span.lengthBytes <= file.size &&
      certificateSha256(certificate) !== undefined;
    if (isThere && (file.isTrusted || (await hasPieceBytes(fd, span, certificate)))) {
      good.set(pieceIndex, certificate);
    } else metadata.setPiece(row.generation, pieceIndex, undefined);
  }
  signal.throwIfAborted();
  const droppedPieces = row.heldPieces - good.size;
  if (droppedPieces > 0) {
    damaged(droppedPieces);
    row.isProven = false;
  }
  row.heldPieces = 0;
  row.heldBytes = 0;
  row.epoch = epoch;
  row.fileStamp = droppedPieces > 0 ? undefined : fileStamp(fd);
  for (const [pieceIndex, certificate] of good) content.add(pieceIndex, certificate);
  return content;
}
