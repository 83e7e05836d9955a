import type { DownloadEvent } from "./api-schema.ts";
import { isDownloadEvent } from "./download-event.ts";

/*
 * One answer carries events and content, so that a download is one request: whoever breaks the
 * connection ends it, and nothing about it has to be remembered. A frame is one byte that says what
 * it is, four bytes of length (big-endian), and the payload.
 */

const EVENT = 1;
const CONTENT = 2;
const HEADER_BYTES = 5;

/** The largest frame: content is cut into these, and an event never comes near. */
export const DOWNLOAD_FRAME_BYTES_MAX = 1024 * 1024;

/** An answer that is not what this release expects of a daemon. */
export class DownloadFrameError extends Error {
  override readonly name = "DownloadFrameError";
}

/** The frame of an event. */
export function eventFrame(event: DownloadEvent): Uint8Array {
  const payload = Buffer.from(JSON.stringify(event));
  return Buffer.concat([header(EVENT, payload.length), payload]);
}

/** What stands before `lengthBytes` of content, at most {@link DOWNLOAD_FRAME_BYTES_MAX}. */
export function contentHeader(lengthBytes: number): Uint8Array {
  return header(CONTENT, lengthBytes);
}

/** One thing read from an answer: an event, or a part of the content (a view, valid until the next unless it `isLasting`). */
export type DownloadPart =
  | { readonly kind: "event"; readonly event: DownloadEvent }
  | { readonly kind: "content"; readonly bytes: Uint8Array; readonly isLasting?: true };

/**
 * Reads the frames of an answer as they come; content is handed on without waiting for the end of its
 * frame. Throws DownloadFrameError for anything else and for an answer that ends inside a frame.
 */
export async function* readDownloadFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<DownloadPart> {
  let held: Uint8Array = new Uint8Array(0);
  let contentLeftBytes = 0;
  for await (const chunk of chunks) {
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (contentLeftBytes > 0) {
        if (rest.length === 0) break;
        const bytes = rest.subarray(0, contentLeftBytes);
        contentLeftBytes -= bytes.length;
        rest = rest.subarray(bytes.length);
        yield { kind: "content", bytes };
        continue;
      }
      const frame = readHeader(rest);
      if (!frame) break;
      if (frame.kind === CONTENT) {
        contentLeftBytes = frame.lengthBytes;
        rest = rest.subarray(HEADER_BYTES);
        continue;
      }
      const end = HEADER_BYTES + frame.lengthBytes;
      if (rest.length < end) break;
      yield { kind: "event", event: readEvent(rest.subarray(HEADER_BYTES, end)) };
      rest = rest.subarray(end);
    }
    held = rest;
  }
  if (held.length > 0 || contentLeftBytes > 0) {
    throw new DownloadFrameError("the answer ends inside a frame");
  }
}

/**
 * The parts of a whole answer, without waiting: content as views of bytes that nobody writes to any more. Throws DownloadFrameError for anything else.
 */
export function readWholeAnswer(bytes: Uint8Array): DownloadPart[] {
  const parts: DownloadPart[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const frame = readHeader(rest);
    const end = HEADER_BYTES + (frame?.lengthBytes ?? 0);
    if (!frame || rest.length < end) throw new DownloadFrameError("the answer ends inside a frame");
    const payload = rest.subarray(HEADER_BYTES, end);
    if (frame.kind === CONTENT) parts.push({ kind: "content", bytes: payload, isLasting: true });
    else parts.push({ kind: "event", event: readEvent(payload) });
    rest = rest.subarray(end);
  }
  return parts;
}

function header(kind: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt32BE(lengthBytes, 1);
  return bytes;
}

function readHeader(bytes: Uint8Array): { kind: number; lengthBytes: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const kind = view.getUint8(0);
  const lengthBytes = view.getUint32(1);
  if (kind !== EVENT && kind !== CONTENT) throw new DownloadFrameError(`frame of kind ${kind}`);
  if (lengthBytes > DOWNLOAD_FRAME_BYTES_MAX) {
    throw new DownloadFrameError(`frame of ${lengthBytes} bytes`);
  }
  return { kind, lengthBytes };
}

function readEvent(payload: Uint8Array): DownloadEvent {
  let event: unknown;
  try {
    event = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch (error) {
    throw new DownloadFrameError("an event is not JSON", { cause: error });
  }
  if (!isDownloadEvent(event)) throw new DownloadFrameError("an event has no known form");
  return event;
}
