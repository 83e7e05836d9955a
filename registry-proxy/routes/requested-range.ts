import { randomBytes } from "node:crypto";

import type { ByteRange } from "../../protocol/byte-range.ts";
import { parseByteRanges } from "../../protocol/byte-range.ts";
import { RegistryError } from "../registry-error.ts";
import type { StreamHead } from "./body-stream.ts";
import type { Exchange } from "./exchange.ts";

/** A content as far as headers speak of it. */
export interface ContentDescription {
  readonly digest: string;
  readonly mediaType: string;
  readonly lengthBytes: number | undefined;
}

/** Reads a range of a content, the whole where it is undefined. */
export type ReadRange = (range: ByteRange | undefined) => AsyncIterable<Uint8Array>;

/** What asks for more at once is fetched like the whole. */
export const PART_LENGTH_BYTES_MAX = 64 * 1024 * 1024;

/** What parts of a content a request gets. */
export interface RequestedPart {
  /** The head of the answer. */
  readonly head: StreamHead;
  /** The body of the answer, made of what `read` gives. */
  body(read: ReadRange): AsyncIterable<Uint8Array>;
}

/**
 * Reads Range and If-Range of a request for a content. Throws RegistryError 416 for ranges that the content
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
  const ranges =
    lengthBytes === undefined || !isRangeValid(exchange, digest)
      ? undefined
      : parseByteRanges(exchange.header("range"), lengthBytes);
  if (ranges === "unsatisfiable") {
    const message = `the content has ${lengthBytes} bytes, and the range that is asked for is outside of them`;
    throw new RegistryError(416, "SIZE_INVALID", message, {
      "content-range": `bytes */${lengthBytes}`,
    });
  }
  const [first] = ranges ?? [];
  if (!ranges || !first || lengthBytes === undefined) {
    return { head: { status: 200, headers, lengthBytes }, body: (read) => read(undefined) };
  }
  if (ranges.length > 1) return severalParts(ranges, content.mediaType, lengthBytes, headers);
  const contentRange = contentRangeOf(first, lengthBytes);
  return {
    head: {
      status: 206,
      headers: { ...headers, "content-range": contentRange },
      lengthBytes: lengthOf(first),
    },
    body: (read) => read(first),
  };
}

/**
 * Whether a Range header names places in a content, as readers of parts do. One that is open at its end, or that names
 * much, comes from who is about to fetch the whole.
 */
export function asksForPart(header: string | undefined): boolean {
  const specs = /^bytes=(.+)$/i.exec(header ?? "")?.[1]?.split(",");
  if (!specs) return false;
  let lengthBytes = 0;
  for (const spec of specs) {
    const [, first, last] = /^\s*(\d*)-(\d+)\s*$/.exec(spec) ?? [];
    if (last === undefined) return false;
    lengthBytes += Number(last) - Number(first ?? 0) + (first === "" ? 0 : 1);
  }
  return lengthBytes <= PART_LENGTH_BYTES_MAX;
}

/** An answer of several ranges (RFC 9110, 14.6). */
function severalParts(
  ranges: readonly ByteRange[],
  mediaType: string,
  lengthBytes: number,
  headers: StreamHead["headers"],
): RequestedPart {
  const boundary = randomBytes(12).toString("hex");
  const parts = ranges.map((range) => {
    const lines = `content-type: ${mediaType}\r\ncontent-range: ${contentRangeOf(range, lengthBytes)}`;
    return { range, head: Buffer.from(`\r\n--${boundary}\r\n${lines}\r\n\r\n`) };
  });
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  const bodyBytes = parts.reduce((sum, { range, head }) => sum + head.length + lengthOf(range), 0);
  return {
    head: {
      status: 206,
      headers: { ...headers, "content-type": `multipart/byteranges; boundary=${boundary}` },
      lengthBytes: bodyBytes + end.length,
    },
    body: async function* body(read) {
      for (const { range, head } of parts) {
        yield head;
        yield* read(range);
      }
      yield end;
    },
  };
}

function contentRangeOf({ firstByte, lastByte }: ByteRange, lengthBytes: number): string {
  return `bytes ${firstByte}-${lastByte}/${lengthBytes}`;
}

function lengthOf({ firstByte, lastByte }: ByteRange): number {
  return lastByte - firstByte + 1;
}

/** A range that holds for another version of the content does not count (RFC 9110, 13.1.5). */
function isRangeValid(exchange: Exchange, digest: string): boolean {
  const validator = exchange.header("if-range");
  return (
    exchange.request.method === "GET" && (validator === undefined || validator === `"${digest}"`)
  );
}
