import { randomBytes } from "node:crypto";

import { choosePieceLength } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import { urlTaskId } from "../../platform/digest-check.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginMetadata } from "../../platform/origin/origin-version.ts";
import { metadataOf, versionName } from "../../platform/origin/origin-version.ts";
import type { TaskRequest } from "./open-task.ts";

/** A task as this node found it at the origin itself. */
export interface ResolvedTask {
  readonly taskId: TaskId;
  readonly pieceLengthBytes: number;
  readonly metadata: OriginMetadata;
}

/**
 * Finds out at the origin what a supernode would have told: id, length, media type. Throws ProtocolError
 * as the origin answers.
 */
export async function resolveAtOrigin(
  request: TaskRequest,
  deps: { fetch: OriginFetch; clock: Clock; random: Random },
  signal: AbortSignal,
): Promise<ResolvedTask> {
  const { origin } = request;
  if (!origin) throw new ProtocolError("BAD_REQUEST", "nobody said where the content comes from");
  const metadata = await askOrigin(origin, deps, signal);
  const taskId =
    request.taskId ??
    urlTaskId({
      url: origin.url,
      filteredQueryParameters: request.identity?.filteredQueryParameters ?? [],
      tag: request.identity?.tag ?? "",
      headers: origin.headers,
      validator: versionName(metadata) ?? `once ${randomBytes(16).toString("hex")}`,
    });
  const pieceLengthBytes = request.pieceLengthBytes ?? choosePieceLength(metadata.lengthBytes);
  return { taskId, pieceLengthBytes, metadata };
}

async function askOrigin(
  origin: NonNullable<TaskRequest["origin"]>,
  deps: { fetch: OriginFetch; clock: Clock; random: Random },
  signal: AbortSignal,
): Promise<OriginMetadata> {
  try {
    const response = await deps.fetch({ method: "HEAD", ...origin, isAnswerFinal: true }, signal);
    response.dispose();
    return metadataOf(response);
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.details.originStatus === undefined) throw error;
    // Many servers refuse HEAD, signed URLs among them: what counts is the answer to GET.
    using stream = await OriginStream.open(deps, origin, signal);
    return stream.metadata;
  }
}
