import { ProtocolError } from "../../protocol/protocol-error.ts";
import { printableUrl } from "../log.ts";
import type { Dispatch, RawResponse } from "./origin-dispatch.ts";
import { OriginFailure } from "./origin-failure.ts";
import type { OriginRequest } from "./origin-request.ts";
import { basicAuthorization } from "./url-credentials.ts";

/** The most redirects followed for one request. */
export const REDIRECTS_MAX = 10;

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/** What may go to a place that the caller did not name: nothing that could be a credential. */
const HARMLESS_HEADERS = new Set(["accept", "accept-language", "user-agent"]);

/**
 * Follows redirects. The caller's headers go to the scheme, host and port that the caller named; from the
 * first redirect to another place on, only the harmless ones do.
 */
export function followRedirects(
  dispatch: Dispatch,
): (request: OriginRequest, signal: AbortSignal) => Promise<RawResponse> {
  return async (request, signal) => {
    let { url, headers } = startOf(request);
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const answer = await dispatch({ request, url, headers }, signal);
      if (!REDIRECT_STATUSES.has(answer.status)) return answer;
      answer.dispose();
      const next = nextPlace(answer, url);
      if (next.origin !== url.origin) headers = harmlessOnly(headers);
      url = next;
    }
    const message = `the origin ${printableUrl(request.url)} redirects more than ${REDIRECTS_MAX} times; check the address`;
    throw new OriginFailure(new ProtocolError("ORIGIN_FAILED", message), "no");
  };
}

function startOf(request: OriginRequest): { url: URL; headers: ReadonlyMap<string, string> } {
  const url = parseUrl(request.url);
  const headers = new Map<string, string>();
  for (const [name, value] of request.headers) headers.set(name.toLowerCase(), value);
  const authorization = basicAuthorization(url);
  if (authorization !== undefined && !headers.has("authorization")) {
    headers.set("authorization", authorization);
  }
  return { url, headers };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url) return url;
  const error = new ProtocolError("BAD_REQUEST", "the address is not a URL; check it");
  throw new OriginFailure(error, "no");
}

function nextPlace(answer: RawResponse, from: URL): URL {
  const location = answer.header("location");
  const next = location === undefined ? null : URL.parse(location, from);
  if (next && (next.protocol === "http:" || next.protocol === "https:")) return next;
  const message = `the origin ${printableUrl(from)} redirects (${answer.status}) to no usable address; check it`;
  throw new OriginFailure(
    new ProtocolError("ORIGIN_FAILED", message, { originStatus: answer.status }),
    "no",
  );
}

function harmlessOnly(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...headers].filter(([name]) => HARMLESS_HEADERS.has(name)));
}
