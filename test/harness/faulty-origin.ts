import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parseByteRange } from "../../protocol/byte-range.ts";
import { sendWithFaults, type OriginFaults, type OriginRequest } from "./origin-faults.ts";
import { forwardToUpstream } from "./upstream-forwarding.ts";

export interface OriginEntry {
  readonly content: Uint8Array;
  readonly faults?: OriginFaults;
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface FaultyOriginOptions {
  /** Address to listen on; loopback when left out. */
  readonly address?: string;
  /** A server whose answers are passed on for every path that has no entry here, such as a registry. */
  readonly upstreamUrl?: string;
}

/** An HTTP origin that fails in ways that real servers cannot be made to fail in, and counts what it is asked. */
export class FaultyOrigin implements AsyncDisposable {
  readonly url: string;
  readonly authority: string;
  readonly requests: OriginRequest[] = [];
  readonly #server: Server;
  readonly #entries = new Map<string, OriginEntry>();
  #upstreamFaults: (path: string) => OriginFaults = () => ({});

  private constructor(server: Server, authority: string, upstreamUrl: string | undefined) {
    this.#server = server;
    this.authority = authority;
    this.url = `http://${authority}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response, upstreamUrl).catch(() => response.destroy());
    });
  }

  static async start(options: FaultyOriginOptions = {}): Promise<FaultyOrigin> {
    const server = createServer();
    server.listen(0, options.address ?? "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("no TCP port was bound");
    return new FaultyOrigin(server, `${bound.address}:${bound.port}`, options.upstreamUrl);
  }

  /** Serves content under a path (as it stands in the request line) and returns its address. */
  serve(path: string, entry: OriginEntry): string {
    this.#entries.set(path, entry);
    return this.url + path;
  }

  /** Sets the faults of what is passed on from the upstream server, by path. */
  spoilUpstream(faultsOf: (path: string) => OriginFaults): void {
    this.#upstreamFaults = faultsOf;
  }

  /** Breaks off every answer that is being sent now. */
  cutAll(): void {
    this.#server.closeAllConnections();
  }

  /** The GET requests for a path so far. */
  gets(path: string): readonly OriginRequest[] {
    return this.requests.filter((request) => request.path === path && request.method === "GET");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, "close");
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    upstreamUrl: string | undefined,
  ): Promise<void> {
    const path = request.url ?? "/";
    const { method = "GET", headers } = request;
    const seen = { method, path, headers, status: 0, bytesSent: 0, hasEnded: false };
    this.requests.push(seen);
    response.once("close", () => {
      seen.status = response.statusCode;
      seen.hasEnded = true;
    });
    const entry = this.#entries.get(path);
    if (entry !== undefined) {
      const faults = this.#withCutsCounted(entry.faults ?? {}, path);
      await answerFromEntry(entry, faults, request, response, seen);
    } else if (upstreamUrl !== undefined) {
      const faults = this.#withCutsCounted(this.#upstreamFaults(path), path);
      await forwardToUpstream(upstreamUrl, request, response, faults, seen);
    } else {
      response.writeHead(404).end("there is no such file here\n");
    }
  }

  #withCutsCounted(faults: OriginFaults, path: string): OriginFaults {
    const isSpent = faults.cutCount !== undefined && this.gets(path).length > faults.cutCount;
    if (!isSpent) return faults;
    const { cutAtByte: _spent, ...others } = faults;
    return others;
  }
}

async function answerFromEntry(
  entry: OriginEntry,
  faults: OriginFaults,
  request: IncomingMessage,
  response: ServerResponse,
  seen: OriginRequest,
): Promise<void> {
  if (faults.redirectTo !== undefined) {
    return void response.writeHead(302, { location: faults.redirectTo }).end();
  }
  if (faults.status !== undefined) {
    return void response.writeHead(faults.status).end(`this is a ${faults.status}\n`);
  }
  const total = entry.content.length;
  const range = faults.hasNoRanges ? undefined : parseByteRange(request.headers.range, total);
  if (range === "unsatisfiable") {
    return void response.writeHead(416, { "content-range": `bytes */${total}` }).end();
  }
  const { firstByte, lastByte } = range ?? { firstByte: 0, lastByte: total - 1 };
  if (entry.etag !== undefined) response.setHeader("etag", entry.etag);
  if (entry.lastModified !== undefined) response.setHeader("last-modified", entry.lastModified);
  if (!faults.hasNoRanges) response.setHeader("accept-ranges", "bytes");
  if (!faults.isChunked) response.setHeader("content-length", lastByte - firstByte + 1);
  if (range) response.setHeader("content-range", `bytes ${firstByte}-${lastByte}/${total}`);
  response.writeHead(range ? 206 : 200, { "content-type": "application/octet-stream" });
  if (request.method === "HEAD") return void response.end();
  const body = [entry.content.subarray(firstByte, lastByte + 1)];
  await sendWithFaults(response, body, firstByte, faults, seen);
}
