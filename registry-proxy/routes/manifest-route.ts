import type { Digest } from "../../protocol/digest.ts";
import type { Rights } from "../access/rights.ts";
import type { MirrorMetrics } from "../metrics.ts";
import { readBounded } from "../upstream/bounded-body.ts";
import type { OriginContent } from "../upstream/origin-content.ts";
import {
  MANIFEST_LENGTH_BYTES_MAX,
  acceptForDigest,
  acceptForTag,
  manifestType,
} from "../upstream/manifest-type.ts";
import type { Repository } from "../upstream/repository.ts";
import type { ResolvedTag, TagResolver } from "../upstream/tag-resolver.ts";
import { verifiedTail } from "../upstream/verified-tail.ts";
import type { Exchange } from "./exchange.ts";
import { hasAlready, sendNotModified } from "./precondition.ts";
import type { SwarmContent } from "./swarm-content.ts";

export interface ManifestRouteDeps {
  readonly contents: SwarmContent;
  readonly tags: TagResolver;
  readonly metrics: MirrorMetrics;
}

interface Manifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** `GET` and `HEAD /v2/<name>/manifests/<tag or digest>`. */
export class ManifestRoute {
  readonly #deps: ManifestRouteDeps;

  constructor(deps: ManifestRouteDeps) {
    this.#deps = deps;
  }

  /** Answers a request; throws what its answer is to say. */
  async answer(
    exchange: Exchange,
    repository: Repository,
    rights: Rights,
    reference: { readonly digest: Digest } | { readonly tag: string },
  ): Promise<void> {
    if ("digest" in reference) {
      const manifest = await this.#read(exchange, repository, rights, reference.digest);
      return send(exchange, reference.digest, manifest);
    }
    const accept = acceptForTag(exchange.header("accept"));
    const { tags, metrics } = this.#deps;
    const tag = await tags.resolve(repository, reference.tag, accept, rights, exchange.signal);
    if (tag.source === "origin") rights.noteManifest(tag.digest);
    if (tag.isStale) {
      metrics.staleTags.inc();
      exchange.response.setHeader("x-darter-stale", "true");
    }
    if (hasAlready(exchange, tag.digest)) return sendNotModified(exchange, tag.digest);
    if (exchange.isHead && canAnswerHead(tag)) {
      exchange.markOpened(tag.source);
      const headers = headersOf(tag.digest, tag.mediaType, tag.lengthBytes);
      exchange.begin(200, headers);
      return exchange.end();
    }
    if (tag.content) {
      exchange.markOpened(tag.source);
      const mediaType = manifestType(tag.mediaType, tag.content);
      return send(exchange, tag.digest, { bytes: tag.content, mediaType });
    }
    const manifest = await this.#read(exchange, repository, rights, tag.digest);
    return send(exchange, tag.digest, manifest);
  }

  async #read(
    exchange: Exchange,
    repository: Repository,
    rights: Rights,
    digest: Digest,
  ): Promise<Manifest> {
    const { contents } = this.#deps;
    const accept = acceptForDigest(exchange.header("accept"));
    const content: OriginContent = {
      fetch: rights.fetch,
      registry: repository.upstream.registry,
      path: `manifests/${digest}`,
      digest,
      taskId: rights.taskId(digest),
      accept,
    };
    await rights.check("manifests", digest, accept, exchange.signal);
    const small = await contents.findSmall(content);
    if (small) {
      exchange.markOpened(small.source);
      return { bytes: small.bytes, mediaType: manifestType(small.mediaType, small.bytes) };
    }
    await using task = await contents.open(repository, content, rights, false, exchange.signal);
    if (!task) return await readFromOrigin(exchange, content);
    exchange.markOpened(contents.sourceOf(task));
    const chunks = contents.read(exchange, task, content, undefined);
    const bytes = await readBounded(chunks, MANIFEST_LENGTH_BYTES_MAX, "the manifest");
    return { bytes, mediaType: manifestType(task.mediaType, bytes) };
  }
}

async function readFromOrigin(exchange: Exchange, content: OriginContent): Promise<Manifest> {
  exchange.markOpened("origin");
  const { path, accept, digest, registry } = content;
  const answer = await content.fetch({ method: "GET", path, accept }, exchange.signal);
  const chunks = verifiedTail(answer.body, digest, registry);
  const bytes = await readBounded(chunks, MANIFEST_LENGTH_BYTES_MAX, "the manifest");
  return { bytes, mediaType: manifestType(answer.header("content-type"), bytes) };
}

/** Runtimes fail a pull when a manifest comes without type, and ask again when it comes without length. */
function canAnswerHead(
  tag: ResolvedTag,
): tag is ResolvedTag & { readonly mediaType: string; readonly lengthBytes: number } {
  const { mediaType, lengthBytes } = tag;
  if (mediaType === undefined || lengthBytes === undefined) return false;
  return manifestType(mediaType, new Uint8Array()) === mediaType && isManifestType(mediaType);
}

function isManifestType(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.");
}

function send(exchange: Exchange, digest: Digest, { bytes, mediaType }: Manifest): void {
  if (hasAlready(exchange, digest)) return sendNotModified(exchange, digest);
  exchange.send(200, headersOf(digest, mediaType, bytes.length), bytes);
}

function headersOf(digest: Digest, mediaType: string, lengthBytes: number) {
  return {
    "content-type": mediaType,
    "content-length": lengthBytes,
    "docker-content-digest": digest,
    etag: `"${digest}"`,
  };
}
