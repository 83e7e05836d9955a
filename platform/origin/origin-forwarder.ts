import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { AddressGate } from "./address-gate.ts";
import type { OriginAgentOptions } from "./origin-agent.ts";
import { createOriginAgent, defaultOriginAgentOptions } from "./origin-agent.ts";
import { OriginBook } from "./origin-book.ts";
import type { RawResponse } from "./origin-dispatch.ts";
import { OriginExchange } from "./origin-exchange.ts";
import { failureOfError } from "./origin-failure.ts";

/** Headers that speak of one connection and are not passed on (RFC 9110, 7.6.1). */
const CONNECTION_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** How messages name the proxy that passed them on: the version that it was sent by, and a name that tells nothing about the node. */
const OWN_VIA = "1.1 darter";
/** Some answers are slow to begin, and some say nothing for long. */
const HEADERS_TIMEOUT_MS = 300_000;
const SILENCE_MS_MAX = 600_000;

/** A request as somebody sent it, to be sent on. */
export interface ForwardRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** Undefined where the request has no body. */
  readonly body: Readable | undefined;
}

/** Passes requests on as they are: any method, no redirect followed, nothing asked twice. Every address is checked. */
export class OriginForwarder implements AsyncDisposable {
  readonly #gate: AddressGate;
  readonly #book: OriginBook;
  readonly #agent: Dispatcher;

  constructor(gate: AddressGate, options: Partial<OriginAgentOptions> = {}) {
    this.#gate = gate;
    this.#book = options.book ?? new OriginBook();
    this.#agent = createOriginAgent(gate, {
      ...defaultOriginAgentOptions,
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      stallTimeoutMs: SILENCE_MS_MAX,
      ...options,
    });
  }

  /** Gets the answer, of whatever status. Throws ProtocolError, or the reason of the signal. */
  async forward(request: ForwardRequest, signal: AbortSignal): Promise<RawResponse> {
    const { method, url, body } = request;
    signal.throwIfAborted();
    this.#gate.checkUrl(url);
    const refusal = this.#book.refusalOf(url);
    if (refusal !== undefined) throw new ProtocolError("ORIGIN_FORBIDDEN", refusal);
    const exchange = new OriginExchange(url.href, signal);
    this.#agent.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...passedOn(request.headers), host: url.host },
        body: body ?? null,
      },
      exchange,
    );
    try {
      return await exchange.answered;
    } catch (error) {
      signal.throwIfAborted();
      throw failureOfError(error, url.href).error;
    }
  }

  /** Breaks off what is running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** The headers of a message for the next one who gets it: what it may see, and that a proxy has had it (RFC 9110, 7.6.3). */
export function passedOn(
  headers: IncomingHttpHeaders,
): OutgoingHttpHeaders & Record<string, string | string[]> {
  const named = (headers.connection ?? "").toLowerCase().split(/[\s,]+/);
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    const isOurs = CONNECTION_HEADERS.has(name) || named.includes(name) || name === "expect";
    if (value !== undefined && !isOurs) passed[name] = value;
  }
  const { via } = headers;
  passed["via"] = via === undefined ? OWN_VIA : `${via}, ${OWN_VIA}`;
  return passed;
}
