import { parseContentRange } from "../../protocol/byte-range.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { printableUrl } from "../log.ts";
import type { OriginFetch, OriginResponse } from "./origin-request.ts";
import type { OriginVersion } from "./origin-version.ts";
import { compareVersions, metadataOf, strongValidator } from "./origin-version.ts";

/** A content, or a part of it, that is asked for by one request or, where it is cut, by several. */
export interface PartRequest {
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  /** Where to end, exclusive; at the end of the content when absent. */
  readonly endOffset?: number | undefined;
  /** Parts of unknown versions may be put together, because the caller checks the whole by its digest. */
  readonly isDigestChecked?: boolean;
  /** Called before each request that goes out. */
  readonly onRequest?: () => void;
}

/** Asks for the content from `offset` on and checks that the answer is usable for that. */
export async function fetchFrom(
  fetch: OriginFetch,
  request: PartRequest,
  offset: number,
  expected: OriginVersion | undefined,
  abort: AbortController,
): Promise<OriginResponse> {
  const lastByte = request.endOffset === undefined ? undefined : request.endOffset - 1;
  const isPart = offset > 0 || lastByte !== undefined;
  let response;
  try {
    response = await fetch(
      {
        method: "GET",
        url: request.url,
        headers: request.headers,
        ...(isPart ? { range: { firstByte: offset, lastByte } } : {}),
        ...(isPart && expected ? { ifRange: strongValidator(expected) } : {}),
        ...(request.onRequest ? { onAttempt: request.onRequest } : {}),
      },
      abort.signal,
    );
  } catch (error) {
    // The part asked for is outside of what is there now.
    if (isStatus(error, 416)) throw changed(request.url, error);
    throw error;
  }
  const problem = problemOf(response, request, offset, expected);
  if (!problem) return response;
  response.dispose();
  throw problem;
}

function problemOf(
  response: OriginResponse,
  request: PartRequest,
  offset: number,
  expected: OriginVersion | undefined,
): ProtocolError | undefined {
  if (response.status === 206 && bodyOffset(response) !== offset) {
    const message = `the origin ${printableUrl(request.url)} sent another part than was asked for; try again later`;
    return new ProtocolError("ORIGIN_FAILED", message);
  }
  if (!expected) return undefined;
  const comparison = compareVersions(expected, metadataOf(response));
  if (comparison === "same" || offset === 0) {
    return comparison === "changed" ? changed(request.url) : undefined;
  }
  // An origin that honoured If-Range by a part has said that the version is the same.
  const isVouchedFor = response.status === 206 && strongValidator(expected) !== undefined;
  const isFine = comparison === "unknown" && (isVouchedFor || request.isDigestChecked === true);
  return isFine ? undefined : changed(request.url);
}

function changed(url: string, cause?: unknown): ProtocolError {
  const message = `the content of ${printableUrl(url)} changed while it was read; ask for it again`;
  return new ProtocolError("ORIGIN_CHANGED", message, {}, cause);
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ProtocolError && error.details.originStatus === status;
}

/** Where the body of an answer begins in the content; -1 for a part that does not say. */
export function bodyOffset(response: OriginResponse): number {
  if (response.status !== 206) return 0;
  return parseContentRange(response.header("content-range"))?.firstByte ?? -1;
}
