import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Assembly } from "./assembly.ts";

const SLICE_BYTES = 512 * 1024;

/**
 * Gives the first `endOffset` bytes of a task, whole pieces that are held, the last of all perhaps among them, to its assembly, so that the digest of the
 * whole can be computed on. Each piece is checked before. Returns how many bytes were given: less than
 * `endOffset` when a piece is not what its certificate says; that piece is then held no longer.
 */
export async function rehash(
  task: StoredTask,
  assembly: Assembly,
  endOffset: number,
  signal: AbortSignal,
): Promise<number> {
  const { pieceLengthBytes } = task.record;
  for (let offset = 0; offset < endOffset; offset += pieceLengthBytes) {
    signal.throwIfAborted();
    const pieceIndex = offset / pieceLengthBytes;
    if (!task.have.has(pieceIndex)) return offset;
    if (!certificateSha256(task.certificate(pieceIndex)!)) return offset;
    if (!(await task.recheck(pieceIndex))) return offset;
    const pieceEnd = Math.min(offset + pieceLengthBytes, endOffset);
    for (let at = offset; at < pieceEnd; at += SLICE_BYTES) {
      const slice = new Uint8Array(Math.min(SLICE_BYTES, pieceEnd - at));
      await task.read(at, slice);
      await assembly.push(slice);
    }
  }
  return endOffset;
}
