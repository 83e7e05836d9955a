import type { ByteSource } from "../../dfget/peer/open-task.ts";
import { contentLength } from "../../platform/origin/origin-version.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { Rights } from "../access/rights.ts";
import type { OriginContent } from "../upstream/origin-content.ts";
import { originLength, readOrigin } from "../upstream/origin-content.ts";
import type { Repository } from "../upstream/repository.ts";
import { verifiedTail } from "../upstream/verified-tail.ts";
import { headersOf, streamBody } from "./body-stream.ts";
import type { Exchange } from "./exchange.ts";
import { hasAlready, sendNotModified } from "./precondition.ts";
import type { RequestedPart } from "./requested-range.ts";
import { asksForPart, requestedPart } from "./requested-range.ts";
import type { SwarmContent } from "./swarm-content.ts";

export interface BlobRouteDeps {
  readonly contents: SwarmContent;
}

/** `GET` and `HEAD /v2/<name>/blobs/<digest>`. */
export class BlobRoute {
  readonly #deps: BlobRouteDeps;

  constructor(deps: BlobRouteDeps) {
    this.#deps = deps;
  }

  /** Answers from the swarm; throws what the answer is to say when nothing of it was sent yet. */
  async answer(
    exchange: Exchange,
    repository: Repository,
    rights: Rights,
    digest: Digest,
  ): Promise<void> {
    const { contents } = this.#deps;
    const content: OriginContent = {
      fetch: rights.fetch,
      registry: repository.upstream.registry,
      path: `blobs/${digest}`,
      digest,
      taskId: rights.taskId(digest),
    };
    await rights.check("blobs", digest, undefined, exchange.signal);
    const needsNoBody = exchange.isHead || hasAlready(exchange, digest);
    if (needsNoBody) return await this.#answerHead(exchange, content);
    const range = exchange.header("range");
    const small = range === undefined ? await contents.findSmall(content) : undefined;
    if (small) {
      exchange.markOpened(small.source);
      const { head } = partOf(exchange, digest, small.bytes.length);
      return exchange.send(200, headersOf(head), small.bytes);
    }
    const isPart = asksForPart(range);
    const { signal } = exchange;
    await using opened = await contents.open(repository, content, rights, isPart, signal);
    if (!opened) return await answerBlobFromOrigin(exchange, content);
    exchange.markOpened(contents.sourceOf(opened));
    const part = partOf(exchange, digest, opened.lengthBytes);
    // Whoever gets all of it after all, whatever range he named, gets it proven.
    const isAll = isPart && (part.head.lengthBytes ?? Infinity) >= (opened.lengthBytes ?? 0);
    await using whole = isAll
      ? await contents.open(repository, content, rights, false, signal)
      : undefined;
    if (isAll && !whole) return await answerBlobFromOrigin(exchange, content);
    const task = whole ?? opened;
    const body = part.body((range) => contents.read(exchange, task, content, range));
    await streamBody(exchange, part.head, body);
  }

  /** A blob is not fetched for its length: lazy runtimes ask for the length of much that they never read. */
  async #answerHead(exchange: Exchange, content: OriginContent): Promise<void> {
    const { contents } = this.#deps;
    await using task = await contents.findLocal(content);
    if (task) answerBlobHead(exchange, contents.sourceOf(task), content.digest, task.lengthBytes);
    else {
      const lengthBytes = await originLength(content, exchange.signal);
      answerBlobHead(exchange, "origin", content.digest, lengthBytes);
    }
  }
}

/** Answers a request for a blob from its registry, with whatever rights `content` asks it. */
async function answerBlobFromOrigin(exchange: Exchange, content: OriginContent): Promise<void> {
  const { digest, registry, path } = content;
  const { signal } = exchange;
  exchange.markOpened("origin");
  if (exchange.header("range") !== undefined) {
    const part = partOf(exchange, digest, await originLength(content, signal));
    const body = part.body((range) => readOrigin(content, range, 0, signal));
    return await streamBody(exchange, part.head, body);
  }
  const answer = await content.fetch({ method: "GET", path }, signal);
  try {
    const { head } = partOf(exchange, digest, contentLength(answer));
    await streamBody(exchange, head, verifiedTail(answer.body, digest, registry));
  } finally {
    answer.dispose();
  }
}

function answerBlobHead(
  exchange: Exchange,
  source: ByteSource,
  digest: Digest,
  lengthBytes: number | undefined,
): void {
  exchange.markOpened(source);
  if (hasAlready(exchange, digest)) return sendNotModified(exchange, digest);
  exchange.begin(200, headersOf(partOf(exchange, digest, lengthBytes).head));
  exchange.end();
}

function partOf(
  exchange: Exchange,
  digest: Digest,
  lengthBytes: number | undefined,
): RequestedPart {
  return requestedPart(exchange, { digest, mediaType: "application/octet-stream", lengthBytes });
}
