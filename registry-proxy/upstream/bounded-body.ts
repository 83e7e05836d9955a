import { ProtocolError } from "../../protocol/protocol-error.ts";

/** Reads a body of at most `lengthBytesMax` bytes whole. Throws ProtocolError TASK_TOO_LARGE for a longer one. */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  lengthBytesMax: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of body) {
    lengthBytes += chunk.length;
    if (lengthBytes > lengthBytesMax) {
      const message = `${what} is longer than ${lengthBytesMax} bytes, which is not accepted`;
      throw new ProtocolError("TASK_TOO_LARGE", message);
    }
    // The view may be written over as soon as the next one is asked for.
    chunks.push(Uint8Array.from(chunk));
  }
  return Buffer.concat(chunks, lengthBytes);
}
