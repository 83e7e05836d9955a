import type { Writable } from "node:stream";

const FINAL_BINARY = 0x82;
const LENGTH_OF_64_BITS = 127;

/**
 * Sends a binary WebSocket message of at least 64 KiB, as a server does, over a connection on which none is under way. Its parts are not copied into one, as
 * `ws` would have to be given them, and must not be written to before they have left; `onSent` says so.
 */
export function sendLongMessage(
  connection: Writable,
  parts: readonly Uint8Array[],
  onSent: () => void,
): void {
  const header = Buffer.allocUnsafe(10);
  let lengthBytes = 0;
  for (const part of parts) lengthBytes += part.length;
  header[0] = FINAL_BINARY;
  header[1] = LENGTH_OF_64_BITS;
  header.writeBigUInt64BE(BigInt(lengthBytes), 2);
  connection.cork();
  connection.write(header);
  parts.forEach((part, index) =>
    connection.write(part, index + 1 < parts.length ? undefined : onSent),
  );
  connection.uncork();
}
