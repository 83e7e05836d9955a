import type { Registry } from "prom-client";

import type { Endpoint } from "../../protocol/endpoint.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import { systemCalendar } from "../../platform/calendar.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { AddressGate } from "../../platform/origin/address-gate.ts";
import { OriginClient } from "../../platform/origin/origin-client.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { TrustedKeys } from "../../platform/signing.ts";
import { VERSION } from "../../platform/version.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import type { SwarmOptions } from "../swarm/swarm.ts";
import { PieceFetcher } from "../transfer/piece-fetcher.ts";
import { AdmissionGate } from "./admission-gate.ts";
import { Joins } from "./joins.ts";
import { NeighbourConversation } from "./neighbour-conversation.ts";
import type { NodeIdentity } from "./node-identity.ts";
import { loadNodeIdentity } from "./node-identity.ts";
import type { NeighbourSummary } from "./local-cache.ts";
import { LocalCache } from "./local-cache.ts";
import { Neighbours } from "./neighbours.ts";
import type { OpenTask, TaskRequest } from "./open-task.ts";
import { storeInlineContent } from "./inline-content.ts";
import { OriginIntake } from "./origin-intake.ts";
import { OriginRuns } from "./origin-runs.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import type { PeerOptions, PeerStatus } from "./peer-options.ts";
import { PeerServer } from "./peer-server.ts";
import { PieceIntake } from "./piece-intake.ts";
import { NO_LIMITS, RateLimits } from "./rate-limits.ts";
import { SessionOpener } from "./session-opener.ts";
import { Sessions } from "./sessions.ts";
import { SupernodeConversation } from "./supernode-conversation.ts";
import type { Hello } from "./supernode-link.ts";
import { SupernodeLink } from "./supernode-link.ts";
import { SwarmDriver } from "./swarm-driver.ts";
import { TaskHandle } from "./task-handle.ts";
import { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";
import { Transfers } from "./transfers.ts";
import { Uploads } from "./uploads.ts";

/** How long a request waits for the first connection to a supernode before it goes to the origin. */
const FIRST_CONNECTION_MS_MAX = 2000;
/** A node without supernodes never has neighbours to wait for, so it reads on without a pause. */
const ALONE: Partial<SwarmOptions> = {
  orphanQuietMs: 0,
  orphanSpreadMs: 0,
  orphanRunBytes: 1024 * 1024 * 1024,
  orphanRuns: 1,
};
/** How long running uploads may go on when the node stops. */
const DRAIN_MS_MAX = 5000;

/**
 * A node's part in the swarm: it fetches tasks for readers on this machine, keeps them, and gives
 * their pieces to other nodes.
 */
export class Peer implements AsyncDisposable {
  readonly #identity: NodeIdentity;
  readonly #store: PieceStore;
  readonly #clock: Clock;
  readonly #sessions = new Sessions();
  readonly #opening = new SingleFlight<TaskSession>();
  readonly #closing = new AbortController();
  readonly #metrics: PeerMetrics;
  /** May be changed at any time. */
  readonly limits: RateLimits;
  readonly #fetcher: PieceFetcher;
  readonly #originClient: OriginClient;
  readonly #originRuns: OriginRuns;
  readonly #neighbours: Neighbours;
  readonly #driver: SwarmDriver;
  readonly #keeper: TaskKeeper;
  readonly #opener: SessionOpener;
  readonly #supernode: SupernodeConversation;
  readonly #link: SupernodeLink;
  readonly #server: PeerServer;
  /** What the node holds. */
  readonly cache: LocalCache;
  readonly #self: { readonly nodeId: NodeId; endpoint: Endpoint };
  #endpoint: Endpoint;
  readonly #startedMs: number;
  readonly #hasSupernodes: boolean;

  private constructor(
    options: PeerOptions,
    parts: { identity: NodeIdentity; store: PieceStore; log: Log; metrics: Registry },
  ) {
    const { identity, store, log } = parts;
    const clock = systemClock;
    const random: Random = Math.random;
    this.#identity = identity;
    this.#store = store;
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#hasSupernodes = options.supernodeUrls.length > 0;
    this.#endpoint = options.listen;
    this.#self = { nodeId: identity.nodeId, endpoint: options.advertise ?? options.listen };
    this.#metrics = new PeerMetrics(parts.metrics, {
      tasks: () => this.#sessions.count,
      neighbours: () => this.#neighbours.count,
      storedBytes: () => store.usedBytes,
      damagedPieces: () => store.damagedPieces,
      isConnected: () => this.#link.isConnected,
    });
    const metrics = this.#metrics;
    this.limits = new RateLimits(options.limits ?? NO_LIMITS, () => this.#sessions.all());
    const { limits } = this;
    this.#fetcher = new PieceFetcher({ log, bucket: limits.download });
    this.#originClient = new OriginClient({
      gate: new AddressGate(options.allowOrigins),
      clock,
      random,
    });
    const origin = { fetch: this.#originClient.fetch, clock, random };
    const keys = new TrustedKeys();
    const sendToSupernode = this.#sendToSupernode.bind(this);
    const transfers = new Transfers();
    const originIntake = new OriginIntake({
      ...origin,
      signer: identity.signer,
      metrics,
      transfers,
      limits,
    });
    this.#neighbours = new Neighbours(
      this.#self,
      {
        up: (link, resumed) => conversation.up(link, resumed),
        down: (link) => conversation.down(link),
        frame: (link, frame) => conversation.frame(link, frame),
        unreachable: (nodeId) => conversation.unreachable(nodeId),
      },
      { clock, log },
    );
    const { nodeId } = identity;
    this.#driver = new SwarmDriver(this.#hasSupernodes ? {} : ALONE, {
      nodeId,
      clock,
      random,
      neighbours: this.#neighbours,
      transfers,
      intake: new PieceIntake({
        fetcher: this.#fetcher,
        keys,
        metrics,
        log,
        nodeId,
        calendar: systemCalendar,
        renew: ({ number, admission }) =>
          void sendToSupernode({
            kind: "renew",
            task: number,
            admission: admission!.bytes,
          }),
      }),
      sendToSupernode,
      seedEndpoint: () => this.#supernode.seed,
      readOrigin: (session, firstPiece, pieceCount, signal) =>
        void this.#originRuns.read(
          session,
          { firstPiece, pieceCount },
          AbortSignal.any([signal, this.#closing.signal]),
        ),
      full: (session) => this.#keeper.full(session),
    });
    const driver = this.#driver;
    const sessions = this.#sessions;
    this.#keeper = new TaskKeeper({ store, sessions, driver, clock, log, sendToSupernode });
    const keeper = this.#keeper;
    this.#originRuns = new OriginRuns({ intake: originIntake, driver, keeper, log });
    const conversation = new NeighbourConversation({ driver, sessions, keeper });
    this.cache = new LocalCache({
      store,
      sessions,
      keeper,
      signer: identity.signer,
      endorsement: () => originIntake.endorsement,
      sendToSupernode,
    });
    const joins = new Joins({ send: sendToSupernode, clock });
    this.#opener = new SessionOpener({
      ...origin,
      store,
      sessions,
      joins,
      whenConnected: async (signal) => await this.#whenConnected(signal),
      retired: async (taskId) => await keeper.ended(taskId),
      retire: (session) => keeper.retire(session),
      leave: (task) => void sendToSupernode({ kind: "leave", task }),
    });
    this.#supernode = new SupernodeConversation({
      keys,
      sessions,
      joins,
      store,
      driver,
      keeper,
      originIntake,
      log,
      link: () => this.#link,
      orphaned: (session) => this.#originRuns.orphaned(session, this.#closing.signal),
    });
    this.#link = new SupernodeLink(
      { urls: options.supernodeUrls, hello: () => this.#hello(options.zone) },
      this.#supernode,
      { clock, random, log },
    );
    const gate = new AdmissionGate(keys, systemCalendar);
    const uploads = new Uploads({ driver, keeper, neighbours: this.#neighbours, metrics, gate });
    this.#server = new PeerServer({
      metrics: parts.metrics,
      clock,
      bucket: limits.upload,
      upload: async (asked) => await uploads.begin(asked),
      neighbour: (socket, request) => this.#neighbours.accept(socket, request),
    });
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

  /** Where the port for other nodes listens. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /**
   * Opens a task for a reader. Resolves when its length and media type are known, or its first piece
   * is there where the length is not. Rejects with ProtocolError, or with the signal's reason.
   */
  async open(request: TaskRequest, signal: AbortSignal): Promise<OpenTask> {
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    const { nextNumber } = this.#sessions;
    const local = request.taskId && (await this.openLocal(request.taskId));
    if (local) return local;
    const session = await this.#opening.run(
      flightKey(request),
      async (flight) => await this.#openSession(request, flight),
      ended,
    );
    session.relaxLimit(request.limitBytesPerSecond ?? 0);
    this.limits.apply(session);
    const handle = this.#handle(session, session.number < nextNumber);
    try {
      await session.until(() => session.lengthBytes !== undefined || session.isReadable(0), ended);
    } catch (error) {
      await handle[Symbol.asyncDispose]();
      throw error;
    }
    return handle;
  }

  /** A task that is complete and proven here already; asks nobody. */
  async openLocal(taskId: TaskId): Promise<OpenTask | undefined> {
    const session = await this.#keeper.wake(taskId);
    return session?.isComplete ? this.#handle(session, true) : undefined;
  }

  /** The nodes that a control connection is up to. */
  neighbours(): NeighbourSummary[] {
    return [...this.#neighbours.all()].map(({ nodeId, endpoint }) => ({
      nodeId,
      endpoint: formatEndpoint(endpoint),
    }));
  }

  status(): PeerStatus {
    return {
      nodeId: this.#identity.nodeId,
      endpoint: this.#endpoint,
      supernodeUrl: this.#link.connectedUrl,
      taskCount: this.#sessions.count,
      neighbourCount: this.#neighbours.count,
      storedBytes: this.#store.usedBytes,
    };
  }

  /** Lets running uploads end for a moment, then closes everything; what is held stays on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new ProtocolError("SHUTTING_DOWN", "the node is about to stop"));
    await this.#link.close();
    this.#neighbours.close();
    await this.#server.close(DRAIN_MS_MAX);
    await this.#keeper.close();
    this.#driver.stop();
    await this.#fetcher[Symbol.asyncDispose]();
    await this.#originClient[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  async #listen(options: PeerOptions): Promise<void> {
    this.#endpoint = await this.#server.listen(options.listen);
    this.#self.endpoint = options.advertise ?? this.#endpoint;
    this.#link.start();
  }

  #hello(zone: string): Hello {
    return {
      kind: "hello",
      nodeId: this.#identity.nodeId,
      endpoint: formatEndpoint(this.#self.endpoint),
      zone,
      publicKey: this.#identity.signer.publicKey,
      software: `darter/${VERSION}`,
    };
  }

  async #openSession(request: TaskRequest, signal: AbortSignal): Promise<TaskSession> {
    const known = request.taskId && this.#sessions.byTaskId(request.taskId);
    if (known && !known.failure) return known;
    const { session, frame, isNew } = await this.#opener.open(request, signal);
    if (!isNew) return session;
    this.limits.apply(session);
    this.#keeper.touch(session);
    // Before the swarm hears of the task: nobody else may write to the file at the same time.
    if (await storeInlineContent(session, frame)) {
      this.#metrics.pieceReceived("seed", session.stored.heldBytes);
    }
    this.#driver.open(session, frame === undefined && session.lengthBytes !== undefined);
    this.#supernode.opened(session, frame);
    if (!frame && session.lengthBytes === undefined) {
      void this.#originRuns.readToEnd(session, this.#closing.signal);
    }
    if (session.isFull) this.#keeper.full(session);
    return session;
  }

  /** `isOld` says that the task was open before: what it received until now was for somebody else. */
  #handle(session: TaskSession, isOld: boolean): OpenTask {
    return new TaskHandle(
      session,
      isOld,
      {
        moved: () => this.#driver.readersMoved(session),
        checkSound: async () => await this.#keeper.isSound(session),
      },
      () => this.#keeper.touch(session),
    );
  }

  #sendToSupernode(frame: NodeFrame): boolean {
    return this.#link.send(frame);
  }

  /** Right after the start the first connection is still being made. */
  async #whenConnected(signal: AbortSignal): Promise<boolean> {
    const deadlineMs = this.#startedMs + FIRST_CONNECTION_MS_MAX;
    while (this.#hasSupernodes && !this.#link.isConnected && this.#clock.nowMs() < deadlineMs) {
      await this.#clock.sleep(10, signal);
    }
    return this.#link.isConnected;
  }
}

/** Requests with the same key are the same. It may hold credentials and is kept only while they run. */
function flightKey(request: TaskRequest): string {
  return (
    request.taskId ??
    JSON.stringify([request.origin?.url, [...(request.origin?.headers ?? [])], request.identity])
  );
}
