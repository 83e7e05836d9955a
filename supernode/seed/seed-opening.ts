import { printableUrl } from "../../platform/log.ts";
import { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import { INLINE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { choosePieceLength, isTaskShape } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { PieceProof } from "./piece-proof.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";

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
    return request.stream ?? (await openAt(deps, request, sink, 0, request.origin.version, signal));
  }
  request.stream?.[Symbol.dispose]();
  try {
    return await openAt(deps, request, sink, held, version, signal);
  } catch (error) {
    const isChanged = error instanceof ProtocolError && error.code === "ORIGIN_CHANGED";
    // The digest will tell whether the content is the same: pieces held are compared with those that come.
    if (!isChanged || !isDigestTask) throw error;
    return await openAt(deps, request, sink, 0, undefined, signal);
  }
}

/** Opens the origin at an offset; `version` is what earlier bytes were of. */
export async function openAt(
  deps: SeedDeps,
  request: SeedRequest,
  sink: SeedSink,
  startOffset: number,
  version: OriginVersion | undefined,
  signal: AbortSignal,
): Promise<OriginStream> {
  return await OriginStream.open(
    deps,
    {
      url: request.origin.url,
      headers: request.origin.headers,
      startOffset,
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

export function tooLarge(request: SeedRequest): ProtocolError {
  return new ProtocolError(
    "TASK_TOO_LARGE",
    `the content at ${printableUrl(request.origin.url)} is larger than a task may be; get it from the origin itself`,
  );
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
