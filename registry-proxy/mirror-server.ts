import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createServer } from "node:http";

import type { Clock } from "../platform/clock.ts";
import { listenOn } from "../platform/http-server.ts";
import type { Log } from "../platform/log.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { MirrorMetrics } from "./metrics.ts";
import type { ProxyFront } from "./proxy/proxy-front.ts";
import type { Tunnels } from "./proxy/tunnels.ts";
import { Exchange } from "./routes/exchange.ts";
import type { Router } from "./routes/router.ts";

/** Connections of clients at once; more are closed at once, and a runtime then asks the registry itself. */
export const CONNECTIONS_MAX = 4096;
const HEADERS_LENGTH_BYTES_MAX = 16 * 1024;
const HEADERS_MS_MAX = 30_000;
const REQUEST_MS_MAX = 60_000;
/** What the proxy passes on may be long. */
const UPLOAD_MS_MAX = 3_600_000;
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
  /** Where clients may use the node as their HTTP proxy. */
  readonly proxy?: ProxyParts | undefined;
}

/** What serves clients of the proxy. */
export interface ProxyParts {
  readonly front: ProxyFront;
  /** Makes what answers CONNECT; `serve` reads requests for `base` from a connection that was opened. */
  tunnels(serve: (socket: Duplex, base: string) => void): Tunnels;
}

const LIMITS = {
  maxHeaderSize: HEADERS_LENGTH_BYTES_MAX,
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: KEEP_ALIVE_MS,
  noDelay: true,
};

/** The HTTP server that container runtimes on this machine use as a registry mirror. */
export class MirrorServer implements AsyncDisposable {
  readonly #deps: MirrorServerDeps;
  readonly #server: Server;
  /** Aborts when running answers must be given up. */
  readonly #stop = new AbortController();
  /** Reads requests from connections whose HTTPS was opened; it listens nowhere. */
  #opened: Server | undefined;
  #tunnels: Tunnels | undefined;
  /** What requests on an opened connection are for. */
  readonly #bases = new WeakMap<Duplex, string>();
  #isDraining = false;

  constructor(deps: MirrorServerDeps) {
    this.#deps = deps;
    // Node's own answer to what is not HTTP is kept: runtimes that try TLS first wait for "HTTP/".
    this.#server = createServer(
      { ...LIMITS, requestTimeout: deps.proxy ? UPLOAD_MS_MAX : REQUEST_MS_MAX },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.setTimeout(SILENCE_MS_MAX);
    if (deps.proxy) this.#startProxy(deps.proxy);
  }

  /** Starts to listen and returns where. Throws UserError when the address cannot be used. */
  async listen(endpoint: Endpoint): Promise<Endpoint> {
    return await listenOn(this.#server, endpoint);
  }

  /** Takes no more connections and waits for running answers, at most `limitMs`; then breaks them off. */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    this.#opened?.closeIdleConnections();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (await settlesWithin(closed, limitMs)) return;
    this.#deps.log.warn({ limitMs }, "answers that still run are broken off");
    this.#tunnels?.close();
    this.#stop.abort(new ProtocolError("SHUTTING_DOWN", "the mirror is stopping; try again later"));
    if (await settlesWithin(closed, FAREWELL_MS)) return;
    this.#server.closeAllConnections();
    this.#opened?.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  #startProxy(proxy: ProxyParts): void {
    const opened = createServer(
      { ...LIMITS, requestTimeout: UPLOAD_MS_MAX },
      (request, response) => void this.#handle(request, response),
    );
    opened.setTimeout(SILENCE_MS_MAX);
    this.#opened = opened;
    const made = proxy.tunnels((socket, base) => {
      this.#bases.set(socket, base);
      opened.emit("connection", socket);
    });
    this.#tunnels = made;
    this.#server.on("connect", (request, socket, head) => made.connect(request, socket, head));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { router, metrics, clock, proxy } = this.#deps;
    const exchange = new Exchange(request, response, clock, this.#stop.signal);
    metrics.requestBegan();
    response.once("close", () => this.#onEnd(exchange));
    if (this.#isDraining) response.setHeader("connection", "close");
    const target = proxy && proxyTarget(request, this.#bases.get(request.socket));
    if (proxy && target) await proxy.front.handle(exchange, target);
    else await router.handle(exchange);
  }

  #onEnd(exchange: Exchange): void {
    const { metrics, log } = this.#deps;
    metrics.requestEnded(exchange);
    if (this.#isDraining) {
      setImmediate(() => {
        this.#server.closeIdleConnections();
        this.#opened?.closeIdleConnections();
      });
    }
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

/** The URL that a client of the proxy asks for; undefined where it asks the mirror itself. */
function proxyTarget({ url = "" }: IncomingMessage, base: string | undefined): URL | undefined {
  if (base !== undefined) return URL.parse(url, base) ?? undefined;
  return /^https?:\/\//i.test(url) ? (URL.parse(url) ?? undefined) : undefined;
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
