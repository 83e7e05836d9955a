import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { parseByteRange } from "../../protocol/byte-range.ts";
import { OWN_ARCHITECTURE } from "./image.ts";
import { seededBytes } from "./seeded-bytes.ts";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** A request for content of one image, and the answer that a fault may spoil. */
export interface FaultyRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly kind: "manifest" | "config" | "layer";
  /** How many requests for this content came before, with this method. */
  readonly count: number;
  readonly bytes: Buffer;
  readonly headers: Record<string, string | number>;
  /** Answers as a registry does, with other headers or bytes where given. */
  answer(changes?: {
    readonly headers?: Record<string, string | number | undefined>;
    readonly bytes?: Buffer;
  }): void;
}

/** Answers in place of the registry and returns true, or leaves it to the registry. */
export type Fault = (asked: FaultyRequest) => boolean;

interface Content {
  readonly kind: FaultyRequest["kind"];
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/**
 * A registry in this process whose answers a test spoils, image by image. It serves Darter only: a client that goes round the mirror is
 * refused, so that what it gets, it gets from the mirror.
 */
export class FaultyRegistry implements AsyncDisposable {
  readonly authority: string;
  readonly url: string;
  readonly #server: Server;
  readonly #contents = new Map<string, Content>();
  readonly #faults = new Map<string, Fault>();
  readonly #counts = new Map<string, number>();

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.authority = `${address}:${(server.address() as AddressInfo).port}`;
    this.url = `http://${this.authority}`;
    server.on("request", (request, response) => this.#answer(request, response));
  }

  static async start(address: string): Promise<FaultyRegistry> {
    const server = createServer();
    server.listen(0, address);
    await once(server, "listening");
    return new FaultyRegistry(server, address);
  }

  /** Adds `repository:v1`, an image of its own with one layer, whose answers `fault` spoils. Returns the layer's digest. */
  async add(repository: string, fault: Fault, layerLengthBytes = 1_500_000): Promise<string> {
    const archive = pack();
    archive.entry({ name: "file" }, seededBytes(repository, layerLengthBytes));
    archive.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
    const tar = Buffer.concat(chunks);
    const layer = gzipSync(tar, { level: 1 });
    const config = Buffer.from(
      JSON.stringify({
        architecture: OWN_ARCHITECTURE,
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
      }),
    );
    const described = (mediaType: string, bytes: Buffer) => ({
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: described("application/vnd.docker.container.image.v1+json", config),
        layers: [described("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
      }),
    );
    const set = (path: string, kind: Content["kind"], bytes: Buffer, mediaType: string): void =>
      void this.#contents.set(`/v2/${repository}/${path}`, { kind, bytes, mediaType });
    set("manifests/v1", "manifest", manifest, MANIFEST);
    set(`manifests/${digestOf(manifest)}`, "manifest", manifest, MANIFEST);
    set(`blobs/${digestOf(config)}`, "config", config, "application/octet-stream");
    set(`blobs/${digestOf(layer)}`, "layer", layer, "application/octet-stream");
    this.#faults.set(repository, fault);
    return digestOf(layer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = "", method = "" } = request;
    if (request.headers["user-agent"]?.startsWith("darter/") !== true) {
      return void response.writeHead(403).end();
    }
    if (url === "/v2/") return void response.end("{}");
    const path = url.split("?", 1)[0]!;
    // The place that a fault may redirect to.
    const content = this.#contents.get(path.replace(/^\/elsewhere/, ""));
    if (!content) return void response.writeHead(404).end();
    const key = `${method} ${path}`;
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    const { kind, bytes, mediaType } = content;
    const headers = {
      "content-type": mediaType,
      "content-length": bytes.length,
      "docker-content-digest": digestOf(bytes),
      "accept-ranges": "bytes",
    };
    const asked: FaultyRequest = {
      request,
      response,
      kind,
      count,
      bytes,
      headers,
      answer: (changes = {}) => send(asked, changes),
    };
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1] ?? "";
    if (this.#faults.get(repository)?.(asked) !== true) asked.answer();
  }
}

function send(
  { request, response, headers, bytes: own }: FaultyRequest,
  changes: Parameters<FaultyRequest["answer"]>[0] = {},
): void {
  const bytes = changes.bytes ?? own;
  const range = parseByteRange(request.headers.range, bytes.length);
  const part =
    range === undefined || range === "unsatisfiable"
      ? bytes
      : bytes.subarray(range.firstByte, range.lastByte + 1);
  const all: Record<string, string | number | undefined> = {
    ...headers,
    "content-length": part.length,
    ...(part === bytes || range === "unsatisfiable"
      ? {}
      : { "content-range": `bytes ${range!.firstByte}-${range!.lastByte}/${bytes.length}` }),
    ...changes.headers,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(part === bytes ? 200 : 206);
  response.end(request.method === "HEAD" ? undefined : part);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
