import { PIECE_LENGTH_BYTES_MIN } from "../../protocol/limits.ts";
import type { LoadOrigin } from "./load-origin.ts";
import type { LoadTask } from "./simulated-task.ts";

/** A task at the origin with as many pieces as told, the shortest ones: what is measured is what is said about them. */
export function loadTask(origin: LoadOrigin, seed: string, pieceCount: number): LoadTask {
  const pieceLengthBytes = PIECE_LENGTH_BYTES_MIN;
  const taskId = origin.addBlob(seed, pieceCount * pieceLengthBytes);
  return { taskId, url: origin.blobUrl(taskId), pieceCount, pieceLengthBytes };
}
