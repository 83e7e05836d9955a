import { printableUrl } from "../../platform/log.ts";
import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import type { AssembledEnd } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import type { PieceProof } from "./piece-proof.ts";
import { rehash } from "./rehash.ts";
import { agreeOnLength, openAt, openOrigin, openTask, tooLarge } from "./seed-opening.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";
import { TaskWriter } from "./task-writer.ts";

/**
 * Reads a task from its origin once, from the first piece that is not held to the end, and hands out every piece as
 * it comes. What is held when the run ends early is kept, and the next run goes on from there.
 *
 * Throws ProtocolError: what the origin answers; DIGEST_MISMATCH and ORIGIN_CHANGED when pieces held are wrong or
 * of another version; TASK_TOO_LARGE; STORAGE_FULL; or the reason of the signal.
 */
export async function runSeed(
  deps: SeedDeps,
  request: SeedRequest,
  sink: SeedSink,
  signal: AbortSignal,
): Promise<void> {
  const { taskId } = request;
  let stored = await deps.store.find(taskId);
  try {
    using stream = await openOrigin(deps, request, stored, sink, signal);
    const proof = await deps.records.proof(taskId);
    stored ??= await openTask(deps, request, stream, proof);
    agreeOnLength(stored, stream);
    const { lengthBytes } = stored.record;
    if (lengthBytes !== undefined) stored.reserve(lengthBytes - stored.heldBytes);
    await deps.records.saveResumeVersion(taskId, stream.metadata);
    const task = stored;
    stored = undefined;
    sink.shaped(task);
    const reading = { task, stream, proof: fittingProof(proof, task), sink, signal };
    await readAll(deps, request, reading);
    await remember(deps, taskId, task);
  } catch (error) {
    throw error instanceof StorageFullError ? storageFull(request, error) : error;
  } finally {
    stored?.[Symbol.dispose]();
    request.stream?.[Symbol.dispose]();
  }
}

interface Reading {
  readonly task: StoredTask;
  readonly stream: OriginStream;
  readonly proof: PieceProof | undefined;
  readonly sink: SeedSink;
  readonly signal: AbortSignal;
}

async function readAll(deps: SeedDeps, request: SeedRequest, reading: Reading): Promise<void> {
  const { task, stream, proof, sink, signal } = reading;
  const assembler = new PieceAssembler({
    pieceLengthBytes: task.record.pieceLengthBytes,
    lengthBytes: task.record.lengthBytes,
    digest: taskDigest(request.taskId),
  });
  const checkedBytes = await rehash(task, assembler, stream.startOffset, signal);
  // A piece that is damaged on the disk is read again, with all that follow it.
  using again =
    checkedBytes < stream.startOffset
      ? await openAt(deps, request, sink, checkedBytes, stream.metadata, signal)
      : undefined;
  await using writer = new TaskWriter({ task, signer: deps.signer, proof, sink });
  for await (const chunk of (again ?? stream).chunks(signal)) {
    if (assembler.offsetBytes + chunk.length > lengthMax(task)) throw tooLong(request, task);
    // Other threads write what is hashed here meanwhile.
    const written = writer.write(assembler.offsetBytes, chunk);
    const pieces = assembler.push(chunk);
    await written;
    for (const piece of pieces) writer.commit(piece);
  }
  const end = assembler.finish();
  checkEnd(request, task, end);
  if (task.record.lengthBytes === undefined) {
    task.setLength(end.lengthBytes);
    // Before the last piece: it is shorter than the others, and nodes ask for a piece by its length.
    sink.lengthKnown(end.lengthBytes);
  }
  for (const piece of end.pieces) writer.commit(piece);
  task.setProven();
  sink.proven();
}

function lengthMax(task: StoredTask): number {
  return task.record.lengthBytes ?? PIECE_COUNT_MAX * task.record.pieceLengthBytes;
}

function tooLong(request: SeedRequest, task: StoredTask): ProtocolError {
  return task.record.lengthBytes === undefined ? tooLarge(request) : otherLength(request, task);
}

function otherLength(request: SeedRequest, task: StoredTask): ProtocolError {
  return new ProtocolError(
    "ORIGIN_CHANGED",
    `the content at ${printableUrl(request.origin.url)} has not the ${task.record.lengthBytes} bytes that were begun; ask for it again`,
  );
}

function checkEnd(request: SeedRequest, task: StoredTask, end: AssembledEnd): void {
  if (end.digest && !end.digest.matches) {
    throw new ProtocolError(
      "DIGEST_MISMATCH",
      `the origin's bytes at ${printableUrl(request.origin.url)} have the digest ${end.digest.actual} instead of ${request.taskId}; the content there is damaged or the digest is wrong`,
    );
  }
  const { lengthBytes } = task.record;
  if (lengthBytes !== undefined && end.lengthBytes !== lengthBytes)
    throw otherLength(request, task);
}

function fittingProof(proof: PieceProof | undefined, task: StoredTask): PieceProof | undefined {
  const { lengthBytes, pieceLengthBytes } = task.record;
  const fits = proof?.lengthBytes === lengthBytes && proof?.pieceLengthBytes === pieceLengthBytes;
  return fits ? proof : undefined;
}

async function remember(deps: SeedDeps, taskId: TaskId, task: StoredTask): Promise<void> {
  const { lengthBytes, pieceLengthBytes } = task.record;
  await deps.records.deleteResumeVersion(taskId);
  if (!taskDigest(taskId) || lengthBytes === undefined) return;
  const sha256s = new Uint8Array(32 * task.have.length);
  for (const pieceIndex of task.have) {
    sha256s.set(certificateSha256(task.certificate(pieceIndex)!)!, 32 * pieceIndex);
  }
  await deps.records.saveProof(taskId, { lengthBytes, pieceLengthBytes, sha256s });
}

function storageFull(request: SeedRequest, cause: Error): ProtocolError {
  return new ProtocolError(
    "STORAGE_FULL",
    `the supernode has no room for ${printableUrl(request.origin.url)}; raise its --disk-quota or free disk space`,
    {},
    cause,
  );
}
