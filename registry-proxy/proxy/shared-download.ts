import type { OpenTask } from "../../dfget/peer/open-task.ts";
import type { Log } from "../../platform/log.ts";
import { parseByteRanges } from "../../protocol/byte-range.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { StreamHead } from "../routes/body-stream.ts";
import { streamBody } from "../routes/body-stream.ts";
import type { Exchange } from "../routes/exchange.ts";
import { withStallLimit, withTimeLimit } from "../routes/stall-limit.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { Swarm } from "../swarm.ts";
import type { ProxyDecision } from "./proxy-rules.ts";
import { sharedHeaders } from "./shared-headers.ts";

export interface SharedDownloadDeps {
  readonly swarm: Swarm;
  readonly metrics: MirrorMetrics;
  readonly log: Log;
}

/** Files at URLs, through the swarm. The origin is asked each time for its version, with what the client sent. */
export class SharedDownload {
  readonly #deps: SharedDownloadDeps;
  readonly #stallMs: number;

  /** `stallMs` is how long the swarm may bring nothing. */
  constructor(deps: SharedDownloadDeps, options: { readonly stallMs: number }) {
    this.#deps = deps;
    this.#stallMs = options.stallMs;
  }

  /**
   * Answers a request. Returns false when the swarm cannot, and nothing was sent yet: the origin itself has to be
   * asked. Throws what breaks an answer off that has begun.
   */
  async answer(exchange: Exchange, { url, filter }: ProxyDecision): Promise<boolean> {
    const { signal } = exchange;
    const headers = sharedHeaders(exchange.request.headers);
    const identity = { filteredQueryParameters: filter, tag: "" };
    try {
      await using task = await withTimeLimit(
        (limited) =>
          this.#deps.swarm.open({ origin: { url: url.href, headers }, identity }, limited),
        this.#stallMs,
        stalled,
        signal,
      );
      return await this.#send(exchange, task);
    } catch (error) {
      if (signal.aborted || exchange.hasBegun) throw error;
      this.#noteDetour(error);
      return false;
    }
  }

  async #send(exchange: Exchange, task: OpenTask): Promise<boolean> {
    const { lengthBytes } = task;
    const asked = exchange.header("range");
    if (asked !== undefined && lengthBytes === undefined) return false;
    const ranges = lengthBytes === undefined ? undefined : parseByteRanges(asked, lengthBytes);
    // The origin has its own way of answering these.
    if (ranges === "unsatisfiable" || (ranges && ranges.length > 1)) return false;
    const range = ranges?.[0];
    const chunks = withStallLimit(
      (limited) => task.read(range ?? { firstByte: 0 }, limited),
      this.#stallMs,
      stalled,
      exchange.signal,
    );
    const head: StreamHead = {
      status: range ? 206 : 200,
      headers: {
        "content-type": task.mediaType ?? "application/octet-stream",
        "accept-ranges": "bytes",
        ...(task.lastModified === undefined ? {} : { "last-modified": task.lastModified }),
        ...(range && {
          "content-range": `bytes ${range.firstByte}-${range.lastByte}/${lengthBytes}`,
        }),
      },
      lengthBytes: range ? range.lastByte - range.firstByte + 1 : lengthBytes,
    };
    await streamBody(exchange, head, this.#marked(exchange, task, chunks));
    return true;
  }

  /** It is known for certain who brought the first piece only when it is there. */
  async *#marked(
    exchange: Exchange,
    task: OpenTask,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    let isFirst = true;
    for await (const chunk of chunks) {
      if (isFirst) exchange.markOpened(task.firstSource);
      isFirst = false;
      yield chunk;
    }
  }

  #noteDetour(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : "INTERNAL";
    this.#deps.metrics.detours.inc({ code });
    if (error instanceof ProtocolError) {
      this.#deps.log.info({ code }, "the swarm cannot serve a file, its origin is asked");
    } else {
      this.#deps.log.error({ err: error }, "the swarm failed by a defect, the origin is asked");
    }
  }
}

function stalled(): ProtocolError {
  return new ProtocolError("SUPERNODE_UNAVAILABLE", "the swarm brought nothing for too long");
}
