import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { parseByteRange } from "../../protocol/byte-range.ts";
import { bytesDigest, seededChunks } from "../../test/harness/seeded-bytes.ts";

/** What the origin can send. */
interface Content {
  readonly mediaType: string;
  readonly lengthBytes: number;
  readonly digest: string;
  chunks(): Iterable<Uint8Array>;
}

const REPOSITORY = "/v2/load/content";

/** A registry with one repository, `load/content`, on loopback. Large blobs are drawn anew for every request. */
export class LoadOrigin implements AsyncDisposable {
  readonly #contents = new Map<string, Content>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Listens on a free port of loopback. */
  static async start(): Promise<LoadOrigin> {
    const origin = new LoadOrigin();
    await new Promise<void>((resolve, reject) => {
      origin.#server.once("error", reject);
      origin.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    });
    return origin;
  }

  /** `address:port`. */
  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many contents it has by now. */
  get contentCount(): number {
    return this.#contents.size;
  }

  /** Adds a blob that looks random, and returns its digest. */
  addBlob(seed: string, lengthBytes: number): string {
    const hash = createHash("sha256");
    for (const chunk of seededChunks(seed, lengthBytes)) hash.update(chunk);
    const digest = `sha256:${hash.digest("hex")}`;
    this.#contents.set(`${REPOSITORY}/blobs/${digest}`, {
      mediaType: "application/octet-stream",
      lengthBytes,
      digest,
      chunks: () => seededChunks(seed, lengthBytes),
    });
    return digest;
  }

  /** Adds a manifest with that many layers, by its digest and by a tag of the same name, and returns the digest. */
  addManifest(tag: string, layerCount: number): string {
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const described = (name: string, type: string) => ({
      mediaType: `application/vnd.oci.image.${type}`,
      digest: bytesDigest(Buffer.from(`${tag} ${name}`)),
      size: 1_000_000,
    });
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config: described("config", "config.v1+json"),
      layers: Array.from({ length: layerCount }, (_, layer) =>
        described(String(layer), "layer.v1.tar+gzip"),
      ),
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = bytesDigest(bytes);
    const content = { mediaType, lengthBytes: bytes.length, digest, chunks: () => [bytes] };
    for (const name of [digest, tag])
      this.#contents.set(`${REPOSITORY}/manifests/${name}`, content);
    return digest;
  }

  /** The path of a blob or manifest, at the origin and at its mirrors. */
  static path(kind: "blobs" | "manifests", reference: string): string {
    return `${REPOSITORY}/${kind}/${reference}`;
  }

  /** Where a supernode reads a blob. */
  blobUrl(digest: string): string {
    return `http://${this.authority}${LoadOrigin.path("blobs", digest)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split("?", 1)[0] ?? "/";
    if (path === "/v2/") {
      response.end("{}");
      return;
    }
    const content = this.#contents.get(path);
    if (!content) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end('{"errors":[{"code":"NOT_FOUND","message":"no such content"}]}');
      return;
    }
    const { lengthBytes } = content;
    const range = parseByteRange(request.headers.range, lengthBytes);
    if (range === "unsatisfiable") {
      response.writeHead(416, { "content-range": `bytes */${lengthBytes}` }).end();
      return;
    }
    const { firstByte, lastByte } = range ?? { firstByte: 0, lastByte: lengthBytes - 1 };
    response.writeHead(range ? 206 : 200, {
      "content-type": content.mediaType,
      "content-length": lastByte - firstByte + 1,
      "docker-content-digest": content.digest,
      etag: `"${content.digest}"`,
      "accept-ranges": "bytes",
      ...(range && { "content-range": `bytes ${firstByte}-${lastByte}/${lengthBytes}` }),
    });
    if (request.method === "HEAD") response.end();
    else await pipeline(Readable.from(partOf(content.chunks(), firstByte, lastByte)), response);
  }
}

/** The bytes of a content from one to another, which is included. */
function* partOf(
  chunks: Iterable<Uint8Array>,
  firstByte: number,
  lastByte: number,
): Generator<Uint8Array> {
  let offset = 0;
  for (const chunk of chunks) {
    if (offset > lastByte) return;
    const part = chunk.subarray(Math.max(0, firstByte - offset), lastByte + 1 - offset);
    if (part.length > 0) yield part;
    offset += chunk.length;
  }
}
