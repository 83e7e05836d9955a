import { setImmediate as endOfTurn } from "node:timers/promises";

import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import { INLINE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { choosePieceLength } from "../../protocol/piece-table.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import { checkEnd, tooLong } from "./seed-opening.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";

/** Whether a content, of which nothing is stored, is so short that it goes into the answer to whoever waits for it. */
export function comesAtOnce(request: SeedRequest, { metadata }: OriginStream): boolean {
  const { lengthBytes = 0 } = metadata;
  return request.isUnanswered && lengthBytes > 0 && lengthBytes <= INLINE_LENGTH_BYTES_MAX;
}

/**
 * Reads such a content and hands it out before it is stored: to make its file takes longer than all the rest. Whether it can be stored is no
 * concern of those who have it then, and is only logged. Throws as `runSeed` does.
 */
export async function readWhole(
  deps: SeedDeps,
  request: SeedRequest,
  stream: OriginStream,
  sink: SeedSink,
  signal: AbortSignal,
): Promise<void> {
  const { taskId } = request;
  const { mediaType } = stream.metadata;
  const lengthBytes = stream.metadata.lengthBytes!;
  const shape = { lengthBytes, pieceLengthBytes: choosePieceLength(lengthBytes), mediaType };
  const { content, piece } = await readPiece(request, stream, shape, signal);
  // Meanwhile the task may have been closed.
  signal.throwIfAborted();
  const { sha256 } = piece;
  const certificate = deps.signer.certifyPiece({ taskId, pieceIndex: 0, lengthBytes }, sha256);
  deps.small.keep(taskId, { content, certificate });
  sink.whole(shape);
  // The answers leave at the end of the turn.
  await endOfTurn();
  const { fileKey } = request.origin;
  try {
    const task = { taskId, ...shape, fileKey, content, certificates: [certificate] };
    if (await deps.store.keep(task)) sink.pieceReady(0);
  } catch (error) {
    deps.log.warn({ err: error, taskId }, "a small content was handed out and cannot be kept");
  }
  if (taskDigest(taskId)) await deps.records.saveProof(taskId, { ...shape, sha256s: sha256 });
}

async function readPiece(
  request: SeedRequest,
  stream: OriginStream,
  shape: { readonly lengthBytes: number; readonly pieceLengthBytes: number },
  signal: AbortSignal,
): Promise<{ readonly content: Uint8Array; readonly piece: AssembledPiece }> {
  const assembler = new PieceAssembler({ ...shape, digest: taskDigest(request.taskId) });
  const content = new Uint8Array(shape.lengthBytes);
  let filledBytes = 0;
  for await (const chunk of stream.chunks(signal)) {
    if (filledBytes + chunk.length > content.length) throw tooLong(request, shape);
    content.set(chunk, filledBytes);
    filledBytes += chunk.length;
    assembler.push(chunk);
  }
  const end = assembler.finish();
  checkEnd(request, shape, end);
  return { content, piece: end.pieces[0]! };
}
