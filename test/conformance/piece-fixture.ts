import { createHash } from "node:crypto";
import { formatCertificate } from "../../protocol/piece-certificate.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import type { OpenTaskRequest, StoredTask } from "../../store/piece-store.ts";

/** The smallest piece that a task may have. */
export const PIECE_LENGTH_BYTES = 64 * 1024;

/** A task id made of a word. */
export function testTaskId(word: string): TaskId {
  return parseTaskId(`sha256:${createHash("sha256").update(word).digest("hex")}`)!;
}

/** Bytes that differ from piece to piece and within a piece. */
export function testBytes(pieceIndex: number, lengthBytes = PIECE_LENGTH_BYTES): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++)
    bytes[i] = (i * 31 + (i >>> 8) * 7 + pieceIndex * 101) & 255;
  return bytes;
}

/** A certificate with the right sha256 and a signature of zeros, which a store does not look at. */
export function testCertificate(bytes: Uint8Array): Uint8Array {
  const sha256 = createHash("sha256").update(bytes).digest();
  return formatCertificate({ kind: "supernode", sha256, signature: new Uint8Array(64) });
}

/** What a task of `count` whole pieces is opened by. */
export function testTask(word: string, count: number): OpenTaskRequest {
  const lengthBytes = count * PIECE_LENGTH_BYTES;
  return { taskId: testTaskId(word), pieceLengthBytes: PIECE_LENGTH_BYTES, lengthBytes };
}

/** Reserves, writes and commits pieces of {@link testBytes}. */
export async function putPieces(task: StoredTask, ...pieceIndices: number[]): Promise<void> {
  for (const pieceIndex of pieceIndices) {
    const left = (task.record.lengthBytes ?? Infinity) - pieceIndex * PIECE_LENGTH_BYTES;
    const bytes = testBytes(pieceIndex, Math.min(PIECE_LENGTH_BYTES, left));
    task.reserve(bytes.length);
    await task.write(pieceIndex * PIECE_LENGTH_BYTES, bytes);
    task.commit(pieceIndex, testCertificate(bytes));
  }
}

/** The bytes of a held piece. */
export async function readPiece(
  task: StoredTask,
  pieceIndex: number,
  lengthBytes = PIECE_LENGTH_BYTES,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes);
  await task.read(pieceIndex * PIECE_LENGTH_BYTES, bytes);
  return bytes;
}
