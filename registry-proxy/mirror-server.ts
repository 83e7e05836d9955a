import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";

import type { Clock } from "../platform/clock.ts";
import { listenOn } from "../platform/http-server.ts";
import type { Log } from "../platform/log.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { MirrorMetrics } from "./metrics.ts";
import { Exchange } from "./routes/exchange.ts";
import type { Router } from "./routes/router.ts";

/** Connections of clients at once; more are closed at once, and a runtime then asks the registry itself. */
export const CONNECTIONS_MAX = 4096;
const HEADERS_LENGTH_BYTES_MAX = 16 * 1024;
const HEADERS_MS_MAX = 30_000;
const REQUEST_MS_MAX = 60_000;
/** Longer than runtimes keep a connection that they do not use, so that they end it and not we. */
const KEEP_ALIVE_MS = 120_000;
/** A connection on which nothing moves, in the middle of an answer too. */
const SILENCE_MS_MAX = 600_000;
/** How long answers that are broken off may take to be flushed. */
const FAREWELL_MS = 1000;

export interface MirrorServerDeps {
  readonly router: Router;
  readonly metrics: MirrorMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** The HTTP server that container runtimes on this machine use as a registry mirror. */
export class MirrorServer implements AsyncDisposable {
  readonly #deps: MirrorServerDeps;
  readonly #server: Server;
  /** Aborts when running answers must be given up. */
  readonly #stop = new AbortController();
  #isDraining = false;

  constructor(deps: MirrorServerDeps) {
    this.#deps = deps;
    // Node's own answer to what is not HTTP is kept: runtimes that try TLS first wait for "HTTP/".
    this.#server = createServer(
      {
        maxHeaderSize: HEADERS_LENGTH_BYTES_MAX,
        headersTimeout: HEADERS_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
        noDelay: true,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.setTimeout(SILENCE_MS_MAX);
  }

  /** Starts to listen and returns where. Throws UserError when the address cannot be used. */
  async listen(endpoint: Endpoint): Promise<Endpoint> {
    return await listenOn(this.#server, endpoint);
  }

  /** Takes no more connections and waits for running answers, at most `limitMs`; then breaks them off. */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (await settlesWithin(closed, limitMs)) return;
    this.#deps.log.warn({ limitMs }, "answers that still run are broken off");
    this.#stop.abort(new ProtocolError("SHUTTING_DOWN", "the mirror is stopping; try again later"));
    if (await settlesWithin(closed, FAREWELL_MS)) return;
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { router, metrics, clock } = this.#deps;
    const exchange = new Exchange(request, response, clock, this.#stop.signal);
    metrics.requestBegan();
    response.once("close", () => this.#onEnd(exchange));
    if (this.#isDraining) response.setHeader("connection", "close");
    await router.handle(exchange);
  }

  #onEnd(exchange: Exchange): void {
    const { metrics, log } = this.#deps;
    metrics.requestEnded(exchange);
    if (this.#isDraining) setImmediate(() => this.#server.closeIdleConnections());
    const { route, outcome, source, sentBytes, firstByteMs, request } = exchange;
    const record = {
      route,
      method: request.method,
      status: exchange.hasBegun ? exchange.response.statusCode : undefined,
      outcome,
      source,
      sentBytes,
      firstByteMs: rounded(firstByteMs),
      durationMs: rounded(exchange.durationMs),
    };
    const isOwnBusiness = route === "healthz" || route === "metrics";
    log[isOwnBusiness ? "debug" : "info"](record, "answered a request");
    // What clients write is kept out of the records that everybody keeps.
    log.debug({ path: request.url?.split("?", 1)[0] }, "the request's path");
  }
}

function rounded(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : Math.round(durationMs * 10) / 10;
}

async function settlesWithin(promise: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
