import { printableUrl } from "../../platform/log.ts";
import { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import { INLINE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { choosePieceLength, isTaskShape, pieceCount } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask, TaskRecord } from "../../store/piece-store.ts";
import type { AssembledEnd } from "./piece-assembler.ts";
import type { PieceProof } from "./piece-proof.ts";
import type { PieceRun } from "./piece-gaps.ts";
import { nextGap } from "./piece-gaps.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";

const START = { startOffset: 0 };
/** As little as an origin can be asked for to learn what it has. */
const SHAPE = { startOffset: 0, endOffset: 1 };

/**
 * Opens the origin where the reading has to go on: behind the pieces held from the first byte on, where they are
 * known to be of the origin's present version, else at the first byte.
 */
export async function openOrigin(
  deps: SeedDeps,
  request: SeedRequest,
  stored: StoredTask | undefined,
  sink: SeedSink,
  signal: AbortSignal,
): Promise<OriginStream> {
  const isDigestTask = taskDigest(request.taskId) !== undefined;
  const held = stored ? heldFromStart(stored) : 0;
  const version = held > 0 ? await heldVersion(deps, request, stored!) : undefined;
  if (held === 0 || (!version && !isDigestTask)) {
    return (
      request.stream ?? (await openAt(deps, request, sink, START, request.origin.version, signal))
    );
  }
  request.stream?.[Symbol.dispose]();
  try {
    return await openAt(deps, request, sink, { startOffset: held }, version, signal);
  } catch (error) {
    // The digest will tell whether the content is the same: pieces held are compared with those that come.
    if (!isChange(error) || !isDigestTask) throw error;
    return await openAt(deps, request, sink, START, undefined, signal);
  }
}

/**
 * Opens the origin for the first run of pieces that has to be read, or, where nothing is stored, only to learn what it
 * has; undefined where that tells no length.
 */
export async function openPart(
  deps: SeedDeps,
  request: SeedRequest,
  stored: StoredTask | undefined,
  sink: SeedSink,
  signal: AbortSignal,
): Promise<OriginStream | undefined> {
  const version = taskDigest(request.taskId) ? undefined : request.origin.version;
  try {
    const part = (stored && !request.elsewhere.isUntold && firstGap(stored, request)) || SHAPE;
    const stream = await openAt(deps, request, sink, part, version, signal);
    if (stream.isWithoutRanges) request.onWithoutRanges();
    if (stream.metadata.lengthBytes !== undefined) return stream;
    stream[Symbol.dispose]();
  } catch (error) {
    // An empty content has no first byte to be asked for; the whole tells more.
    if (!isChange(error)) throw error;
  }
  return undefined;
}

function firstGap({ record, have }: StoredTask, request: SeedRequest) {
  const count = pieceCount(record.lengthBytes!, record.pieceLengthBytes);
  const run = nextGap(count, 0, have, request.elsewhere.of(record));
  return run && partOf(record, run);
}

/** Where a run begins and ends in a content of known length. */
export function partOf(
  { lengthBytes, pieceLengthBytes }: Pick<TaskRecord, "lengthBytes" | "pieceLengthBytes">,
  { firstPiece, pieceCount: count }: PieceRun,
): { readonly startOffset: number; readonly endOffset: number } {
  const startOffset = firstPiece * pieceLengthBytes;
  return { startOffset, endOffset: Math.min(lengthBytes!, startOffset + count * pieceLengthBytes) };
}

function isChange(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === "ORIGIN_CHANGED";
}

/** Opens the origin for a part of the content; `version` is what earlier bytes were of. */
export async function openAt(
  deps: SeedDeps,
  request: SeedRequest,
  sink: SeedSink,
  part: { readonly startOffset: number; readonly endOffset?: number },
  version: OriginVersion | undefined,
  signal: AbortSignal,
): Promise<OriginStream> {
  return await OriginStream.open(
    deps,
    {
      url: request.origin.url,
      headers: request.origin.headers,
      ...part,
      readsOnWithoutRanges: true,
      expected: version,
      isDigestChecked: taskDigest(request.taskId) !== undefined,
      onRequest: () => sink.originRequest(),
      onBytes: (lengthBytes) => sink.originBytes(lengthBytes),
    },
    signal,
  );
}

/** Opens the task in the store, in the shape that the origin's answer gives it. */
export async function openTask(
  deps: SeedDeps,
  request: SeedRequest,
  stream: OriginStream,
  proof: PieceProof | undefined,
): Promise<StoredTask> {
  const { lengthBytes, mediaType } = stream.metadata;
  const isInline = lengthBytes !== undefined && lengthBytes <= INLINE_LENGTH_BYTES_MAX;
  const asked = isInline ? undefined : request.pieceLengthBytes;
  const wanted = proof && proof.lengthBytes === lengthBytes ? proof.pieceLengthBytes : asked;
  const pieceLengthBytes =
    wanted !== undefined && isTaskShape(lengthBytes ?? 0, wanted)
      ? wanted
      : choosePieceLength(lengthBytes);
  if (!isTaskShape(lengthBytes ?? 0, pieceLengthBytes)) throw tooLarge(request);
  return await deps.store.open({
    taskId: request.taskId,
    pieceLengthBytes,
    lengthBytes,
    mediaType,
    fileKey: request.origin.fileKey,
  });
}

/** Compares the length in the store with what the origin says. Throws ProtocolError ORIGIN_CHANGED. */
export function agreeOnLength(stored: StoredTask, stream: OriginStream): void {
  const { lengthBytes } = stored.record;
  const { lengthBytes: told } = stream.metadata;
  if (told === undefined || lengthBytes === told) return;
  if (lengthBytes === undefined) {
    stored.setLength(told);
    return;
  }
  throw new ProtocolError(
    "ORIGIN_CHANGED",
    `the content at ${printableUrl(stream.metadata.finalUrl)} has ${told} bytes where ${lengthBytes} were begun; ask for it again`,
  );
}

function tooLarge(request: SeedRequest): ProtocolError {
  return new ProtocolError(
    "TASK_TOO_LARGE",
    `the content at ${printableUrl(request.origin.url)} is larger than a task may be; get it from the origin itself`,
  );
}

type KnownLength = Pick<TaskRecord, "lengthBytes">;

/** Says that more comes than there can be. */
export function tooLong(request: SeedRequest, shape: KnownLength): ProtocolError {
  return shape.lengthBytes === undefined ? tooLarge(request) : otherLength(request, shape);
}

function otherLength(request: SeedRequest, { lengthBytes }: KnownLength): ProtocolError {
  return new ProtocolError(
    "ORIGIN_CHANGED",
    `the content at ${printableUrl(request.origin.url)} has not the ${lengthBytes} bytes that were begun; ask for it again`,
  );
}

/** Throws ProtocolError when the whole is not what its digest or its length says. */
export function checkEnd(request: SeedRequest, shape: KnownLength, end: AssembledEnd): void {
  if (end.digest && !end.digest.matches) {
    throw new ProtocolError(
      "DIGEST_MISMATCH",
      `the origin's bytes at ${printableUrl(request.origin.url)} have the digest ${end.digest.actual} instead of ${request.taskId}; the content there is damaged or the digest is wrong`,
    );
  }
  const { lengthBytes } = shape;
  if (lengthBytes !== undefined && end.lengthBytes !== lengthBytes)
    throw otherLength(request, shape);
}

/** Whether what has to be read is not simply all that follows a point. */
export function isGapped(stored: StoredTask, request: SeedRequest): boolean {
  const { lengthBytes, pieceLengthBytes } = stored.record;
  if (lengthBytes === undefined) return false;
  const count = pieceCount(lengthBytes, pieceLengthBytes);
  const elsewhere = request.elsewhere.of(stored.record);
  const own = nextGap(count, 0, stored.have);
  const gap = nextGap(count, 0, stored.have, elsewhere);
  // What is held in full has to be proven.
  if (!own) return false;
  return gap?.firstPiece !== own.firstPiece || gap.firstPiece + gap.pieceCount !== count;
}

/** How much of the task is held from its first byte on; the last piece of all is always read again. */
function heldFromStart(stored: StoredTask): number {
  const { pieceLengthBytes, lengthBytes } = stored.record;
  const missing = stored.have.firstMissing();
  const pieces = missing < 0 ? stored.have.length : missing;
  const offset = pieces * pieceLengthBytes;
  if (lengthBytes === undefined || offset < lengthBytes) return offset;
  return Math.max(0, pieces - 1) * pieceLengthBytes;
}

async function heldVersion(
  deps: SeedDeps,
  request: SeedRequest,
  stored: StoredTask,
): Promise<OriginVersion | undefined> {
  const version = (await deps.records.resumeVersion(request.taskId)) ?? request.origin.version;
  return version && { ...version, lengthBytes: version.lengthBytes ?? stored.record.lengthBytes };
}
