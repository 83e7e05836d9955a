import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { finished } from "node:stream/promises";

import { systemClock } from "../../platform/clock.ts";
import { parseByteRange } from "../../protocol/byte-range.ts";
import { parseDigest } from "../../protocol/digest.ts";
import type { BuiltImage } from "../../test/harness/image.ts";
import { Pacer } from "./pacer.ts";

const CHUNK_BYTES = 64 * 1024;

/** What the registry has been asked for since the figures were last taken. */
export interface RegistryFigures {
  /** Bytes of manifests and blobs. */
  readonly sentBytes: number;
  /** GET requests for blobs, by digest. */
  readonly blobRequests: ReadonlyMap<string, number>;
}

/** A registry with one image, `demo/app:1`, behind a line of a fixed rate. */
export class DemoRegistry implements AsyncDisposable {
  readonly #image: BuiltImage;
  readonly #pacer: Pacer;
  readonly #server: Server;
  readonly #closing = new AbortController();
  #sentBytes = 0;
  #blobRequests = new Map<string, number>();

  private constructor(image: BuiltImage, bytesPerSecond: number) {
    this.#image = image;
    this.#pacer = new Pacer(bytesPerSecond, systemClock);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Listens on a free port of loopback. */
  static async start(image: BuiltImage, bytesPerSecond: number): Promise<DemoRegistry> {
    const registry = new DemoRegistry(image, bytesPerSecond);
    await new Promise<void>((resolve, reject) => {
      registry.#server.once("error", reject);
      registry.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    });
    return registry;
  }

  /** `address:port`. */
  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The figures so far; they begin anew. */
  takeFigures(): RegistryFigures {
    const figures = { sentBytes: this.#sentBytes, blobRequests: this.#blobRequests };
    this.#sentBytes = 0;
    this.#blobRequests = new Map();
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the registry was closed"));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://registry");
    if (pathname === "/v2/") return void response.end("{}");
    const match = /^\/v2\/demo\/app\/(manifests|blobs)\/([A-Za-z0-9:._-]+)$/.exec(pathname);
    const [, kind, reference = ""] = match ?? [];
    const digest = kind === "manifests" && reference === "1" ? this.#image.index.digest : reference;
    const path = parseDigest(digest) ? this.#image.layout.blobPath(digest) : "";
    if (kind === undefined || !existsSync(path)) {
      response.writeHead(404, { "content-type": "application/json" });
      return void response.end('{"errors":[{"code":"NOT_FOUND"}]}');
    }
    if (kind === "blobs" && request.method === "GET") {
      this.#blobRequests.set(digest, (this.#blobRequests.get(digest) ?? 0) + 1);
    }
    await this.#sendFile(request, response, { path, digest, mediaType: this.#mediaType(digest) });
  }

  async #sendFile(
    request: IncomingMessage,
    response: ServerResponse,
    file: { readonly path: string; readonly digest: string; readonly mediaType: string },
  ): Promise<void> {
    const { size } = await stat(file.path);
    const range = parseByteRange(request.headers.range, size);
    const headers = {
      "content-type": file.mediaType,
      "docker-content-digest": file.digest,
      etag: `"${file.digest}"`,
      "accept-ranges": "bytes",
    };
    if (range === "unsatisfiable") {
      response.writeHead(416, { ...headers, "content-range": `bytes */${size}` });
      return void response.end();
    }
    const { firstByte, lastByte } = range ?? { firstByte: 0, lastByte: size - 1 };
    response.writeHead(range ? 206 : 200, {
      ...headers,
      "content-length": lastByte - firstByte + 1,
      ...(range ? { "content-range": `bytes ${firstByte}-${lastByte}/${size}` } : {}),
    });
    if (request.method === "HEAD" || size === 0) return void response.end();
    const chunks = createReadStream(file.path, {
      start: firstByte,
      end: lastByte,
      highWaterMark: CHUNK_BYTES,
    });
    for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
      await this.#pacer.take(chunk.length, this.#closing.signal);
      if (response.destroyed) return;
      this.#sentBytes += chunk.length;
      if (!response.write(chunk)) await drained(response, this.#closing.signal);
    }
    response.end();
    await finished(response);
  }

  #mediaType(digest: string): string {
    const { index, own, other } = this.#image;
    const documents = [index, own.manifest, other.manifest];
    const document = documents.find((candidate) => candidate.digest === digest);
    return document?.mediaType ?? "application/octet-stream";
  }
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(new Error("the client went away"));
  response.once("drain", resolve);
  response.once("close", onClose);
  signal.addEventListener("abort", onClose, { once: true });
  try {
    await promise;
  } finally {
    response.off("drain", resolve);
    response.off("close", onClose);
    signal.removeEventListener("abort", onClose);
  }
}
