import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

import { VERSION } from "../version.ts";
import type { AddressGate } from "./address-gate.ts";
import type { OriginEntry } from "./origin-book.ts";
import { OriginBook } from "./origin-book.ts";
import { OriginExchange } from "./origin-exchange.ts";
import { failureOfError } from "./origin-failure.ts";
import type { OriginRequest, OriginResponse } from "./origin-request.ts";

/** One request to one place, without redirects. */
export interface Hop {
  readonly request: OriginRequest;
  readonly url: URL;
  /** The caller's headers that may go to this place, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** An answer of any status. */
export interface RawResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** All headers, by lower-case name. */
  readonly headers: IncomingHttpHeaders;
  readonly finalUrl: string;
  readonly body: OriginResponse["body"];
  dispose(): void;
}

export type Dispatch = (hop: Hop, signal: AbortSignal) => Promise<RawResponse>;

/** Headers that speak of one connection or of one request's form, which are ours to set. */
const OWN_HEADERS = new Set([
  "host",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "content-length",
  "accept-encoding",
  "range",
]);

/** Sends single requests through `agent`. Failures are OriginFailure, or the reason of the signal. */
export function dispatchTo(agent: Dispatcher, book = new OriginBook()): Dispatch {
  return async ({ request, url, headers }, signal) => {
    signal.throwIfAborted();
    const exchange = new OriginExchange(url.href, signal);
    agent.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: request.method,
        headers: headersOf(request, withOwn(headers, book.entryOf(url))),
      },
      exchange,
    );
    try {
      return await exchange.answered;
    } catch (error) {
      signal.throwIfAborted();
      throw failureOfError(error, url.href);
    }
  };
}

/** Checks each request's address before it goes to `next`. */
export function gated(gate: AddressGate, next: Dispatch): Dispatch {
  return async (hop, signal) => {
    try {
      gate.checkUrl(hop.url);
    } catch (error) {
      throw failureOfError(error, hop.url.href);
    }
    return await next(hop, signal);
  };
}

/** What the operator has sent to an origin, where the caller sends nothing of that name. */
function withOwn(
  callers: ReadonlyMap<string, string>,
  entry: OriginEntry | undefined,
): ReadonlyMap<string, string> {
  if (!entry || entry.headers.size === 0) return callers;
  return new Map([...entry.headers, ...callers]);
}

function headersOf(request: OriginRequest, callers: ReadonlyMap<string, string>) {
  const headers: Record<string, string> = { "user-agent": `darter/${VERSION}` };
  for (const [name, value] of callers) {
    const isConditional = name.startsWith("if-");
    if (!OWN_HEADERS.has(name) && !name.startsWith("proxy-") && !isConditional) {
      headers[name] = value;
    }
  }
  // Piece offsets and digests are those of the content itself, not of a compressed form of it.
  headers["accept-encoding"] = "identity";
  if (request.range) {
    headers["range"] = `bytes=${request.range.firstByte}-${request.range.lastByte ?? ""}`;
    if (request.ifRange !== undefined) headers["if-range"] = request.ifRange;
  }
  return headers;
}
