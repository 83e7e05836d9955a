import { timingSafeEqual } from "node:crypto";
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";

import { sha256 } from "../../platform/digest-check.ts";
import type { PieceSpan } from "../../protocol/piece-table.ts";
import type { StoredTask } from "../../store/piece-store.ts";

const read = promisify(readCallback);

/** Whether the file holds the bytes that were received, although another transfer wrote there too. */
export async function isOnDisk(
  stored: StoredTask,
  span: PieceSpan,
  expectedSha256: Uint8Array,
): Promise<boolean> {
  const buffer = Buffer.allocUnsafeSlow(span.lengthBytes);
  const { bytesRead } = await read(stored.fd, { buffer, position: span.offsetBytes });
  return bytesRead === span.lengthBytes && timingSafeEqual(sha256(buffer), expectedSha256);
}
