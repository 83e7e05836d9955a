import { randomBytes } from "node:crypto";
import { fstat } from "node:fs";
import { promisify } from "node:util";
import type { Log } from "../platform/log.ts";
import { certificateSha256 } from "../protocol/piece-certificate.ts";
import type { Metadata } from "./metadata.ts";
import { hasPieceBytes } from "./piece-check.ts";
import { TaskContent } from "./task-content.ts";
import { closeFd, openTaskFd } from "./task-fd.ts";
import type { TaskRow } from "./task-row.ts";

const statFd = promisify(fstat);

interface LoadDeps {
  readonly metadata: Metadata;
  readonly log: Log;
}

/** A name for a new set of pieces. */
export function newGeneration(): string {
  return randomBytes(8).toString("hex");
}

/**
 * Opens a task's file and reads which pieces it holds. Pieces that end past the file, or that belong to
 * another epoch and do not have the bytes of their certificate, are dropped. The row's counts are
 * brought up to date in one step at the end.
 */
export async function loadTask(
  path: string,
  row: TaskRow,
  isNew: boolean,
  epoch: number,
  { metadata, log }: LoadDeps,
  signal: AbortSignal,
): Promise<{ content: TaskContent; fd: number }> {
  const fd = await openTaskFd(path, isNew);
  try {
    const content = new TaskContent(row);
    const records = isNew ? new Map<number, Uint8Array>() : await metadata.pieces(row.generation);
    const { size } = await statFd(fd);
    const good = new Map<number, Uint8Array>();
    for (const [pieceIndex, certificate] of records) {
      signal.throwIfAborted();
      const span = content.spanOrNone(pieceIndex);
      const isThere =
        span !== undefined &&
        span.offsetBytes + span.lengthBytes <= size &&
        certificateSha256(certificate) !== undefined;
      if (isThere && (row.epoch === epoch || (await hasPieceBytes(fd, span, certificate)))) {
        good.set(pieceIndex, certificate);
      } else metadata.setPiece(row.generation, pieceIndex, undefined);
    }
    signal.throwIfAborted();
    const droppedPieces = row.heldPieces - good.size;
    if (droppedPieces > 0) {
      log.warn({ taskId: row.taskId, droppedPieces }, "pieces on disk were lost or damaged");
      row.isProven = false;
    }
    row.heldPieces = 0;
    row.heldBytes = 0;
    row.epoch = epoch;
    for (const [pieceIndex, certificate] of good) content.add(pieceIndex, certificate);
    return { content, fd };
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
}
