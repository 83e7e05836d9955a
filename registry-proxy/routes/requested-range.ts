import type { ByteRange } from "../../protocol/byte-range.ts";
import { parseByteRange } from "../../protocol/byte-range.ts";
import { RegistryError } from "../registry-error.ts";
import type { StreamHead } from "./body-stream.ts";
import type { Exchange } from "./exchange.ts";

/** A content as far as headers speak of it. */
export interface ContentDescription {
  readonly digest: string;
  readonly mediaType: string;
  readonly lengthBytes: number | undefined;
}

/** What part of a content a request gets, and the head of its answer. */
export interface RequestedPart {
  /** Undefined for the whole. */
  readonly range: ByteRange | undefined;
  readonly head: StreamHead;
}

/**
 * Reads Range and If-Range of a request for a content. Throws RegistryError 416 for a range that the content
 * does not have. Of a content of unknown length the whole is sent.
 */
export function requestedPart(exchange: Exchange, content: ContentDescription): RequestedPart {
  const { digest, lengthBytes } = content;
  const headers = {
    "content-type": content.mediaType,
    "docker-content-digest": digest,
    etag: `"${digest}"`,
    "accept-ranges": "bytes",
  };
  const range =
    lengthBytes === undefined || !isRangeValid(exchange, digest)
      ? undefined
      : parseByteRange(exchange.header("range"), lengthBytes);
  if (range === "unsatisfiable") {
    const message = `the content has ${lengthBytes} bytes, and the range that is asked for is outside of them`;
    throw new RegistryError(416, "SIZE_INVALID", message, {
      "content-range": `bytes */${lengthBytes}`,
    });
  }
  if (!range) return { range, head: { status: 200, headers, lengthBytes } };
  const { firstByte, lastByte } = range;
  const contentRange = `bytes ${firstByte}-${lastByte}/${lengthBytes}`;
  return {
    range,
    head: {
      status: 206,
      headers: { ...headers, "content-range": contentRange },
      lengthBytes: lastByte - firstByte + 1,
    },
  };
}

/** A range that holds for another version of the content does not count (RFC 9110, 13.1.5). */
function isRangeValid(exchange: Exchange, digest: string): boolean {
  const validator = exchange.header("if-range");
  return (
    exchange.request.method === "GET" && (validator === undefined || validator === `"${digest}"`)
  );
}
