import { printableUrl } from "../../platform/log.ts";
import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import { INLINE_LENGTH_BYTES_MAX, PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import type { PieceProof } from "./piece-proof.ts";
import { readOn } from "./read-on.ts";
import { rehash } from "./rehash.ts";
import { readGaps } from "./gap-reading.ts";
import {
  agreeOnLength,
  checkEnd,
  isGapped,
  openAt,
  openOrigin,
  openPart,
  openTask,
  tooLong,
} from "./seed-opening.ts";
import { allCertificates } from "./small-contents.ts";
import { comesAtOnce, readWhole } from "./whole-reading.ts";
import { isSmall, readSmall } from "./small-reading.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";
import { TaskCommits } from "./task-commits.ts";

/**
 * Reads from its origin what is missing of a task, once, and hands out every piece as it comes. What is held when the
 * run ends early is kept, and the next run goes on from there. The run ends without a proof when members hold the rest.
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
  const { taskId, elsewhere } = request;
  let stored = await deps.store.find(taskId);
  try {
    // What is short and on its way already is here before anybody could say what he holds.
    const isShort = (request.stream?.metadata.lengthBytes ?? Infinity) <= INLINE_LENGTH_BYTES_MAX;
    const isPartOnly =
      !isShort && (elsewhere.isUntold || (stored ? isGapped(stored, request) : elsewhere.isAny));
    using part = isPartOnly ? await openPart(deps, request, stored, sink, signal) : undefined;
    using stream = part ?? (await openOrigin(deps, request, stored, sink, signal));
    if (!part && !stored && comesAtOnce(request, stream)) {
      await readWhole(deps, request, stream, sink, signal);
      return;
    }
    // A part of what is stored is read for somebody who waits for just that.
    const isNew = !part || !stored;
    const isDigestTask = taskDigest(taskId) !== undefined;
    const proof = isNew && isDigestTask ? await deps.records.proof(taskId) : undefined;
    stored ??= await openTask(deps, request, stream, proof);
    agreeOnLength(stored, stream);
    const isInOrder = isShort || (!part && !isGapped(stored, request));
    const { lengthBytes } = stored.record;
    if (isInOrder && lengthBytes !== undefined) stored.reserve(lengthBytes - stored.heldBytes);
    // Of a single piece there is nothing to resume.
    if (isNew && !isOnePiece(stored)) {
      await deps.records.saveResumeVersion(taskId, stream.metadata);
    }
    const task = stored;
    stored = undefined;
    // Meanwhile the task may have been closed, and its number given to another one.
    signal.throwIfAborted();
    sink.shaped(task);
    const reading = { task, stream, proof: fittingProof(proof, task), sink, signal };
    if (isInOrder) await (isSmall(task) ? readAtOnce : readAll)(deps, request, reading);
    else if (!(await readGaps(deps, request, reading, stream))) return;
    await remember(deps, taskId, task);
    sink.proven();
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

/** Reads what is short without the thread that hashes, and keeps it in memory: nodes will ask for it at once. */
async function readAtOnce(deps: SeedDeps, request: SeedRequest, reading: Reading): Promise<void> {
  const { task, stream, signal } = reading;
  const { taskId } = request;
  const commits = new TaskCommits({ ...reading, signer: deps.signer });
  const { end, content } = await readSmall(
    task,
    stream,
    {
      digest: taskDigest(taskId),
      tooLong: () => tooLong(request, task.record),
      onPiece: (piece) => commits.commit(piece),
    },
    signal,
  );
  checkEnd(request, task.record, end);
  for (const piece of end.pieces) commits.commit(piece);
  task.setProven();
  const certificates = allCertificates(task);
  if (certificates) deps.small.keep(taskId, { content, ...certificates });
}

async function readAll(deps: SeedDeps, request: SeedRequest, reading: Reading): Promise<void> {
  const { task, stream, proof, sink, signal } = reading;
  const { pieceLengthBytes, lengthBytes } = task.record;
  const commits = new TaskCommits({ task, signer: deps.signer, proof, sink });
  await using assembly = deps.assemblies.begin(
    task,
    { pieceLengthBytes, lengthBytes, digest: taskDigest(request.taskId) },
    (piece) => commits.commit(piece),
  );
  const checkedBytes = await rehash(task, assembly, stream.startOffset, signal);
  // A piece that is damaged on the disk is read again, with all that follow it.
  using again =
    checkedBytes < stream.startOffset
      ? await openAt(deps, request, sink, { startOffset: checkedBytes }, stream.metadata, signal)
      : undefined;
  try {
    const isWhole = await readOn(again ?? stream, assembly, lengthMax(task), signal);
    if (!isWhole) throw tooLong(request, task.record);
  } catch (error) {
    // What came before the origin broke off is right, and need not come again.
    if (!signal.aborted) await assembly.settled();
    throw error;
  }
  const end = await assembly.finish();
  checkEnd(request, task.record, end);
  if (task.record.lengthBytes === undefined) {
    task.setLength(end.lengthBytes);
    // Before the last piece: it is shorter than the others, and nodes ask for a piece by its length.
    sink.lengthKnown(end.lengthBytes);
  }
  for (const piece of end.pieces) commits.commit(piece);
  task.setProven();
}

function isOnePiece({ record }: StoredTask): boolean {
  return record.lengthBytes !== undefined && record.lengthBytes <= record.pieceLengthBytes;
}

function lengthMax(task: StoredTask): number {
  return task.record.lengthBytes ?? PIECE_COUNT_MAX * task.record.pieceLengthBytes;
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
