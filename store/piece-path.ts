import { PIECE_COUNT_MAX } from "../protocol/limits.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { parseTaskId } from "../protocol/task-id.ts";

/** A piece as a request names it. */
export interface PiecePath {
  readonly taskId: TaskId;
  readonly pieceIndex: number;
}

/**
 * Reads the path of a piece request, `/pieces/{task id}/{index}`, as it stands in the request line.
 * Returns undefined for anything else: a query, an encoded character, a leading zero, an index that no
 * task has.
 */
export function parsePiecePath(url: string): PiecePath | undefined {
  const match =
    /^\/pieces\/([a-z0-9]{1,8}:[0-9a-f]{1,128}(?:@[0-9a-f]{24})?)\/(0|[1-9][0-9]{0,5})$/.exec(url);
  const taskId = match === null ? undefined : parseTaskId(match[1]!);
  const pieceIndex = Number(match?.[2]);
  return taskId === undefined || pieceIndex >= PIECE_COUNT_MAX ? undefined : { taskId, pieceIndex };
}

/** The path that {@link parsePiecePath} reads. */
export function formatPiecePath({ taskId, pieceIndex }: PiecePath): string {
  return `/pieces/${taskId}/${pieceIndex}`;
}
