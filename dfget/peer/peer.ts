import type { Registry } from "prom-client";

import type { Endpoint } from "../../protocol/endpoint.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import type { LocalCache, NeighbourSummary } from "./local-cache.ts";
import type { NodeIdentity } from "./node-identity.ts";
import { loadNodeIdentity } from "./node-identity.ts";
import type { OpenTask, SmallContent, TaskRequest } from "./open-task.ts";
import type { PeerOptions, PeerStatus } from "./peer-options.ts";
import type { PeerParts, PeerSelf } from "./peer-wiring.ts";
import { wirePeer } from "./peer-wiring.ts";
import type { RateLimits } from "./rate-limits.ts";
import { warmUpPeer } from "./warm-up.ts";
import type { TakeWhole, WholeFiles } from "./whole-files.ts";

/** How long running uploads may go on when the node stops. */
const DRAIN_MS_MAX = 5000;

/**
 * A node's part in the swarm: it fetches tasks for readers on this machine, keeps them, and gives
 * their pieces to other nodes.
 */
export class Peer implements AsyncDisposable {
  /** May be changed at any time. */
  readonly limits: RateLimits;
  /** What the node holds. */
  readonly cache: LocalCache;
  /** Small files, which come whole. */
  readonly wholeFiles: WholeFiles;
  readonly #store: PieceStore;
  readonly #parts: PeerParts;
  readonly #closing = new AbortController();
  readonly #self: PeerSelf;
  #endpoint: Endpoint;

  private constructor(
    options: PeerOptions,
    deps: { identity: NodeIdentity; store: PieceStore; log: Log; metrics: Registry },
  ) {
    const { nodeId } = deps.identity;
    this.#store = deps.store;
    this.#endpoint = options.listen;
    this.#self = { nodeId, endpoint: options.advertise ?? options.listen };
    const closing = this.#closing.signal;
    this.#parts = wirePeer(options, { ...deps, self: this.#self, closing });
    this.limits = this.#parts.limits;
    this.cache = this.#parts.cache;
    this.wholeFiles = this.#parts.wholeFiles;
  }

  /**
   * Opens the store, listens, and begins to connect to a supernode. Throws UserError when the address
   * is taken or the data directory cannot be used.
   */
  static async start(
    options: PeerOptions,
    deps: { readonly log: Log; readonly metrics: Registry },
  ): Promise<Peer> {
    const { dataDir } = options;
    await using stack = new AsyncDisposableStack();
    const store = stack.use(
      await openDiskStore({
        dataDir,
        quotaBytes: options.diskQuotaBytes,
        clock: systemClock,
        log: deps.log,
      }),
    );
    const identity = await loadNodeIdentity(dataDir);
    const peer = stack.use(new Peer(options, { ...deps, identity, store }));
    await peer.#listen(options);
    stack.move();
    return peer;
  }

  /** See {@link warmUpPeer}. */
  async warmUp(log: Log, signal: AbortSignal): Promise<boolean> {
    const { fetcher } = this.#parts;
    return await warmUpPeer({ fetcher, clock: systemClock, log }, signal);
  }

  /** Where the port for other nodes listens. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /**
   * Opens a task for a reader. Resolves when its length and media type are known, or its first piece
   * is there where the length is not. `take` may get a small file before that, and the opening may fail nevertheless.
   * Rejects with ProtocolError, or with the signal's reason.
   */
  async open(request: TaskRequest, signal: AbortSignal, take?: TakeWhole): Promise<OpenTask> {
    return await this.#parts.opening.open(request, signal, take);
  }

  /** A task that is complete and proven here already; asks nobody. */
  async openLocal(taskId: TaskId): Promise<OpenTask | undefined> {
    return await this.#parts.local.open(taskId);
  }

  /** The whole of such a task, when it is small; else undefined. */
  async readSmall(taskId: TaskId): Promise<SmallContent | undefined> {
    return await this.#parts.local.readSmall(taskId);
  }

  /** The nodes that a control connection is up to. */
  neighbours(): NeighbourSummary[] {
    return this.#parts.neighbours.summaries();
  }

  status(): PeerStatus {
    const { link, sessions, neighbours } = this.#parts;
    return {
      nodeId: this.#self.nodeId,
      endpoint: this.#endpoint,
      supernodeUrl: link.connectedUrl,
      taskCount: sessions.count,
      neighbourCount: neighbours.count,
      storedBytes: this.#store.usedBytes,
    };
  }

  /** Lets running uploads end for a moment, then closes everything; what is held stays on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { link, neighbours, server, keeper, driver, fetcher, originClient } = this.#parts;
    this.#closing.abort(new ProtocolError("SHUTTING_DOWN", "the node is about to stop"));
    await link.close();
    neighbours.close();
    await server.close(DRAIN_MS_MAX);
    await keeper.close();
    driver.stop();
    await fetcher[Symbol.asyncDispose]();
    await originClient[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  async #listen(options: PeerOptions): Promise<void> {
    const { server, link } = this.#parts;
    this.#endpoint = await server.listen(options.listen);
    this.#self.endpoint = options.advertise ?? this.#endpoint;
    link.start();
  }
}
