import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { sha256Digest } from "../platform/digest-check.ts";
import type { Digest } from "../protocol/digest.ts";
import { parseByteRange } from "../protocol/byte-range.ts";

/** What a registry in a test was asked. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A small registry on loopback whose answers a test decides. */
export class UpstreamFixture implements AsyncDisposable {
  readonly #server: Server;
  readonly #answers = new Map<string, Answer>();
  readonly requests: SeenRequest[] = [];
  /** Decides before everything else; true when it has answered. */
  guard: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => this.#handle(request, response));
    this.on("/v2/", (_request, response) => response.end("{}"));
  }

  static async start(): Promise<UpstreamFixture> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new UpstreamFixture(server);
  }

  get url(): string {
    return `http://${this.host}`;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers a path, without its query, by whatever method. */
  on(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  /** Serves a blob and returns its digest; under a wrong digest when one is given. */
  blob(repository: string, bytes: Uint8Array, digest = sha256Digest(bytes)): Digest {
    this.on(`/v2/${repository}/blobs/${digest}`, (request, response) => {
      send(request, response, bytes, { "content-type": "application/octet-stream" });
    });
    return digest;
  }

  /** Serves a manifest under a tag and its digest. */
  manifest(repository: string, tag: string, mediaType: string, text: string): Digest {
    const bytes = Buffer.from(text);
    const digest = sha256Digest(bytes);
    const answer: Answer = (request, response) => {
      send(request, response, bytes, {
        "content-type": mediaType,
        "docker-content-digest": digest,
      });
    };
    this.on(`/v2/${repository}/manifests/${tag}`, answer);
    this.on(`/v2/${repository}/manifests/${digest}`, answer);
    return digest;
  }

  /** The requests for a path so far, as `METHOD path`. */
  get lines(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, path: url, headers });
    if (this.guard(request, response)) return;
    const answer = this.#answers.get(url.split("?", 1)[0]!);
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  }
}

/** Lets only those in who bring the token that `/token` gives to everybody; `expectedScope` is checked. */
export function wantToken(upstream: UpstreamFixture, token: string, expectedScope: string): void {
  upstream.on("/token", (request, response) => {
    const { searchParams } = new URL(request.url ?? "", upstream.url);
    const isExpected = searchParams.get("scope") === expectedScope;
    response.end(JSON.stringify({ token: isExpected ? token : "useless", expires_in: 300 }));
  });
  upstream.guard = (request, response) => {
    if (request.url?.startsWith("/token") === true) return false;
    if (request.headers.authorization === `Bearer ${token}`) return false;
    const challenge = `Bearer realm="${upstream.url}/token",service="fixture"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
    return true;
  };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Record<string, string>,
): void {
  const range = parseByteRange(request.headers.range, bytes.length);
  if (range === "unsatisfiable") {
    response.writeHead(416).end();
    return;
  }
  const part = range ? bytes.subarray(range.firstByte, range.lastByte + 1) : bytes;
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "content-length": part.length,
    ...(range
      ? { "content-range": `bytes ${range.firstByte}-${range.lastByte}/${bytes.length}` }
      : {}),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}
