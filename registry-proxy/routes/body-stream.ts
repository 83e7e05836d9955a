import type { OutgoingHttpHeaders } from "node:http";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Exchange } from "./exchange.ts";

/** The head of an answer whose body is streamed. */
export interface StreamHead {
  readonly status: 200 | 206;
  /** Without Content-Length. */
  readonly headers: OutgoingHttpHeaders;
  /** Of the body; undefined for a chunked answer. */
  readonly lengthBytes: number | undefined;
}

/**
 * Sends a body as it arrives, at the client's speed. The head waits for the first bytes, so that a failure
 * before them becomes a status. Throws what reading throws, and ProtocolError when the body is not as long
 * as the head says; the answer is not ended then.
 */
export async function streamBody(
  exchange: Exchange,
  head: StreamHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { lengthBytes } = head;
  const begin = (): void => exchange.begin(head.status, headersOf(head));
  let left = lengthBytes ?? Infinity;
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    left -= chunk.length;
    if (left < 0) throw wrongLength(lengthBytes);
    if (!exchange.hasBegun) begin();
    await exchange.write(chunk);
  }
  if (lengthBytes !== undefined && left > 0) throw wrongLength(lengthBytes);
  if (!exchange.hasBegun) begin();
  exchange.end();
}

/** The headers of such an answer. */
export function headersOf({ headers, lengthBytes }: StreamHead): OutgoingHttpHeaders {
  return lengthBytes === undefined ? headers : { ...headers, "content-length": lengthBytes };
}

function wrongLength(lengthBytes: number | undefined): ProtocolError {
  const message = `the content is not ${lengthBytes} bytes long as was announced; ask for it again`;
  return new ProtocolError("ORIGIN_CHANGED", message);
}
