import { createHash } from "node:crypto";
import { read } from "node:fs";
import { promisify } from "node:util";
import { certificateSha256 } from "../protocol/piece-certificate.ts";
import type { PieceSpan } from "../protocol/piece-table.ts";

const readFd = promisify(read);

/** One slice of hashing; it keeps the thread for a third of a millisecond. */
const SLICE_LENGTH_BYTES = 512 * 1024;

/** Whether the file holds, at the piece's place, the bytes that the certificate speaks of. */
export async function hasPieceBytes(
  fd: number,
  span: PieceSpan,
  certificate: Uint8Array,
): Promise<boolean> {
  const wanted = certificateSha256(certificate);
  if (wanted === undefined) return false;
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(SLICE_LENGTH_BYTES, span.lengthBytes));
  for (let done = 0; done < span.lengthBytes;) {
    const lengthBytes = Math.min(buffer.length, span.lengthBytes - done);
    const { bytesRead } = await readFd(fd, buffer, 0, lengthBytes, span.offsetBytes + done);
    if (bytesRead === 0) return false;
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  return hash.digest().equals(wanted);
}
