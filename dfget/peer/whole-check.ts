import type { Digest } from "../../protocol/digest.ts";
import { DigestCheck } from "../../platform/digest-check.ts";
import type { StoredTask } from "../../store/piece-store.ts";

const CHUNK_LENGTH_BYTES = 512 * 1024;

/** Hashes the whole of a stored task, piece by piece, and tells whether it is what the digest says. */
export async function checkWhole(
  stored: StoredTask,
  digest: Digest,
  signal: AbortSignal,
): Promise<{ readonly actual: Digest; readonly matches: boolean }> {
  const check = new DigestCheck(digest);
  const buffer = Buffer.allocUnsafeSlow(CHUNK_LENGTH_BYTES);
  const lengthBytes = stored.record.lengthBytes ?? 0;
  for (let offsetBytes = 0; offsetBytes < lengthBytes;) {
    signal.throwIfAborted();
    const pieceEnd =
      (Math.floor(offsetBytes / stored.record.pieceLengthBytes) + 1) *
      stored.record.pieceLengthBytes;
    const wanted = Math.min(buffer.length, pieceEnd - offsetBytes, lengthBytes - offsetBytes);
    const readBytes = await stored.read(offsetBytes, buffer.subarray(0, wanted));
    check.update(buffer.subarray(0, readBytes));
    offsetBytes += readBytes;
  }
  return check.finish();
}
