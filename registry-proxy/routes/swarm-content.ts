import type { ByteSource, OpenTask, SmallContent } from "../../dfget/peer/open-task.ts";
import type { Log } from "../../platform/log.ts";
import type { ByteRange } from "../../protocol/byte-range.ts";
import { ERRORS } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Rights } from "../access/rights.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { Swarm } from "../swarm.ts";
import type { OriginContent } from "../upstream/origin-content.ts";
import { readOrigin } from "../upstream/origin-content.ts";
import type { Repository } from "../upstream/repository.ts";
import { contentHeaders, contentUrl } from "../upstream/upstream-client.ts";
import type { Exchange } from "./exchange.ts";
import { withStallLimit, withTimeLimit } from "./stall-limit.ts";

export interface SwarmContentDeps {
  readonly swarm: Swarm;
  readonly metrics: MirrorMetrics;
  readonly log: Log;
}

export interface SwarmContentOptions {
  /** How long the swarm may bring nothing to a client that waits; then the registry is asked. */
  readonly stallMs: number;
  /** All of a content is fetched of which somebody reads a part. */
  readonly prefetches?: boolean | undefined;
}

/** Content by digest: from this node, from the swarm, and from its registry when the swarm cannot. */
export class SwarmContent {
  readonly #deps: SwarmContentDeps;
  readonly #stallMs: number;
  readonly #prefetches: boolean;
  /** Tasks that were whole when they were opened, wherever their pieces once came from. */
  readonly #held = new WeakSet<OpenTask>();

  constructor(deps: SwarmContentDeps, options: SwarmContentOptions) {
    this.#deps = deps;
    this.#stallMs = options.stallMs;
    this.#prefetches = options.prefetches ?? false;
  }

  /** The content where this node holds all of it; nobody is asked. */
  async findLocal(content: OriginContent): Promise<OpenTask | undefined> {
    try {
      const task = await this.#deps.swarm.openLocal(content.taskId);
      if (task) this.#held.add(task);
      return task;
    } catch (error) {
      this.#noteDetour(error);
      return undefined;
    }
  }

  /** The whole of a small content where this node holds it; nobody is asked. */
  async findSmall(content: OriginContent): Promise<SmallContent | undefined> {
    try {
      return await this.#deps.swarm.readSmall(content.taskId);
    } catch (error) {
      this.#noteDetour(error);
      return undefined;
    }
  }

  /**
   * The content from this node or the swarm; undefined when the swarm cannot serve now, but the registry may.
   * `readsPart` when only what is read of it shall be fetched.
   * Throws ProtocolError for what the registry itself has said.
   */
  async open(
    repository: Repository,
    content: OriginContent,
    rights: Rights,
    readsPart: boolean,
    signal: AbortSignal,
  ): Promise<OpenTask | undefined> {
    const local = await this.findLocal(content);
    if (local) return local;
    const { swarm } = this.#deps;
    const url = contentUrl(repository, content.path);
    const isPart = readsPart && !this.#prefetches;
    const open = async (authorization: string | undefined): Promise<OpenTask> => {
      const headers = contentHeaders(content.accept, authorization);
      return await withTimeLimit(
        (limited) =>
          swarm.open({ taskId: content.taskId, origin: { url, headers }, isPart }, limited),
        this.#stallMs,
        stalled,
        signal,
      );
    };
    try {
      return await rights.run(open, signal);
    } catch (error) {
      // The caller's right was checked before: where the supernode cannot see it, the registry still can.
      const isOurTrouble = rights.isPrivate || mayAskRegistry(error);
      if (signal.aborted || !isOurTrouble) throw explained(error);
      this.#noteDetour(error);
      return undefined;
    }
  }

  /** Where the bytes of an opened content from one on come from; known for certain when the first of them are read. */
  sourceOf(task: OpenTask, firstByte = 0): ByteSource {
    const source = task.sourceAt(firstByte);
    return this.#held.has(task) && source !== "memory" ? "disk" : source;
  }

  /**
   * The bytes of an opened content, the whole when `range` is absent. When the swarm fails on the way, the
   * registry is asked for the rest.
   */
  async *read(
    exchange: Exchange,
    task: OpenTask,
    content: OriginContent,
    range: ByteRange | undefined,
  ): AsyncGenerator<Uint8Array> {
    const { signal } = exchange;
    let deliveredBytes = 0;
    try {
      const chunks = withStallLimit(
        (limited) => task.read(range ?? { firstByte: 0 }, limited),
        this.#stallMs,
        stalled,
        signal,
      );
      for await (const chunk of chunks) {
        // Only now it is known for certain who brought the first piece.
        if (deliveredBytes === 0) exchange.markOpened(this.sourceOf(task, range?.firstByte));
        yield chunk;
        deliveredBytes += chunk.length;
      }
      return;
    } catch (error) {
      // What ended the task says more than how this reading of it ended.
      const reason = task.failure ?? error;
      if (signal.aborted || !mayAskRegistry(reason)) throw reason;
      this.#noteDetour(reason);
    }
    if (deliveredBytes === 0) exchange.source = "origin";
    yield* readOrigin(content, range, deliveredBytes, signal);
  }

  #noteDetour(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : "INTERNAL";
    this.#deps.metrics.detours.inc({ code });
    if (error instanceof ProtocolError) {
      this.#deps.log.warn({ code }, "the swarm cannot serve, the registry is asked");
    } else {
      this.#deps.log.error({ err: error }, "the swarm failed by a defect, the registry is asked");
    }
  }
}

/** Whether the registry may serve what the swarm did not: not when it is the registry's own answer. */
function mayAskRegistry(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return true;
  switch (error.code) {
    case "PROTOCOL_VERSION":
    case "PROTOCOL_GARBAGE":
    case "NOT_FOUND":
      // The trouble is between our own programs.
      return true;
    default:
      return ERRORS[error.code].retry !== "no";
  }
}

/** Our own gate was passed before, so it is the supernode's that is in the way. */
function explained(error: unknown): unknown {
  if (!(error instanceof ProtocolError) || error.code !== "ORIGIN_FORBIDDEN") return error;
  const message = `the supernode refuses to ask the registry: ${error.message}`;
  return new ProtocolError(error.code, message, error.details, error);
}

function stalled(): ProtocolError {
  return new ProtocolError("SUPERNODE_UNAVAILABLE", "the swarm brought nothing for too long");
}
