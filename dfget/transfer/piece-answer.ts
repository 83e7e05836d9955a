import { parseContentRange } from "../../protocol/byte-range.ts";
import { PIECE_HEADER } from "../../protocol/version.ts";
import type { FetchOrder } from "./fetch-message.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";
import type { ResponseHead } from "./response-reader.ts";

const RETRY_AFTER_SECONDS_MAX = 3600;
const CERTIFICATE_HEADER_LENGTH_MAX = 1024;

/** Why a head is not the answer that the order asks for; undefined when it is. */
export function answerFailure(head: ResponseHead, order: FetchOrder): PieceFetchError | undefined {
  const { status } = head;
  const wantedStatus = order.headers["range"] === undefined ? 200 : 206;
  if (status === wantedStatus) return shapeFailure(head, order);
  if (status === 404 || status === 410) {
    return new PieceFetchError("not-found", "The other side does not hold the piece.");
  }
  if (status === 503 || status === 429) {
    return new PieceFetchError("no-slot", "The other side has no free slot.", retryAfterMs(head));
  }
  if (status >= 500) return new PieceFetchError("broken", `The other side failed with ${status}.`);
  return new PieceFetchError("protocol", `The other side answered with status ${status}.`);
}

/** The bytes of the certificate header; undefined when it is absent or is not base64url. */
export function certificateOf(head: ResponseHead): Uint8Array | undefined {
  const text = head.headers.get(PIECE_HEADER);
  if (text === undefined || text.length > CERTIFICATE_HEADER_LENGTH_MAX) return undefined;
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, "base64url"));
}

function shapeFailure(head: ResponseHead, order: FetchOrder): PieceFetchError | undefined {
  const { contentLengthBytes } = head;
  if (contentLengthBytes !== order.lengthBytes) {
    const message = `The other side sends ${contentLengthBytes} bytes where ${order.lengthBytes} were asked for.`;
    return new PieceFetchError("protocol", message);
  }
  if (head.status !== 206) return undefined;
  const range = parseContentRange(head.headers.get("content-range"));
  const asked = /^bytes=([0-9]+)-/.exec(order.headers["range"] ?? "");
  if (range !== undefined && range.firstByte === Number(asked?.[1])) return undefined;
  return new PieceFetchError("protocol", "The other side sends another range than was asked for.");
}

function retryAfterMs(head: ResponseHead): number | undefined {
  const text = head.headers.get("retry-after") ?? "";
  if (!/^[0-9]{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text), RETRY_AFTER_SECONDS_MAX) * 1000;
}
