import type { Registry } from "prom-client";

import type { Endpoint } from "../../protocol/endpoint.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { Random } from "../../platform/clock.ts";
import { systemCalendar } from "../../platform/calendar.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { AddressGate } from "../../platform/origin/address-gate.ts";
import { OriginClient } from "../../platform/origin/origin-client.ts";
import { TrustedKeys } from "../../platform/signing.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import { PieceFetcher } from "../transfer/piece-fetcher.ts";
import { AdmissionGate } from "./admission-gate.ts";
import { ArrivedPieces } from "./arrived-pieces.ts";
import { FirstConnection } from "./first-connection.ts";
import { Joins } from "./joins.ts";
import { LocalCache } from "./local-cache.ts";
import { LocalTasks } from "./local-tasks.ts";
import { ALONE } from "./lone-swarm.ts";
import { NeighbourConversation } from "./neighbour-conversation.ts";
import { Neighbours } from "./neighbours.ts";
import type { NodeIdentity } from "./node-identity.ts";
import { helloOf } from "./node-identity.ts";
import { OriginIntake } from "./origin-intake.ts";
import { OriginRuns } from "./origin-runs.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import type { PeerOptions } from "./peer-options.ts";
import { PeerServer } from "./peer-server.ts";
import { PieceIntake } from "./piece-intake.ts";
import { NO_LIMITS, RateLimits } from "./rate-limits.ts";
import { SessionOpener } from "./session-opener.ts";
import { Sessions } from "./sessions.ts";
import { SupernodeConversation } from "./supernode-conversation.ts";
import { SupernodeLink } from "./supernode-link.ts";
import { SwarmDriver } from "./swarm-driver.ts";
import { TaskKeeper } from "./task-keeper.ts";
import { TaskOpening } from "./task-opening.ts";
import { Transfers } from "./transfers.ts";
import { Uploads } from "./uploads.ts";
import { WholeFiles } from "./whole-files.ts";

/** What a peer is made of, as far as it is spoken to from outside. */
export interface PeerParts {
  readonly limits: RateLimits;
  readonly cache: LocalCache;
  readonly sessions: Sessions;
  readonly local: LocalTasks;
  readonly opening: TaskOpening;
  readonly wholeFiles: WholeFiles;
  readonly fetcher: PieceFetcher;
  readonly originClient: OriginClient;
  readonly neighbours: Neighbours;
  readonly driver: SwarmDriver;
  readonly keeper: TaskKeeper;
  readonly link: SupernodeLink;
  readonly server: PeerServer;
}

/** How others know this node; its address is known when it listens. */
export interface PeerSelf {
  readonly nodeId: NodeId;
  endpoint: Endpoint;
}

interface WiringDeps {
  readonly self: PeerSelf;
  readonly identity: NodeIdentity;
  readonly store: PieceStore;
  readonly log: Log;
  readonly metrics: Registry;
  /** Aborted when the node stops. */
  readonly closing: AbortSignal;
}

/** Makes the parts of a peer and makes them known to each other. Nothing runs yet. */
export function wirePeer(options: PeerOptions, deps: WiringDeps): PeerParts {
  const { self, identity, store, log, closing } = deps;
  const { nodeId, signer } = identity;
  const clock = systemClock;
  const random: Random = Math.random;
  const hasSupernodes = options.supernodeUrls.length > 0;
  const sessions = new Sessions();
  const metrics = new PeerMetrics(deps.metrics, {
    tasks: () => sessions.count,
    neighbours: () => neighbours.count,
    storedBytes: () => store.usedBytes,
    damagedPieces: () => store.damagedPieces,
    isConnected: () => link.isConnected,
  });
  const limits = new RateLimits(options.limits ?? NO_LIMITS, () => sessions.all());
  const fetcher = new PieceFetcher({ log, bucket: limits.download });
  const gate = new AddressGate(options.allowOrigins);
  const { origins: book } = options;
  const originClient = new OriginClient({ gate, clock, random }, book && { book });
  const origin = { fetch: originClient.fetch, clock, random };
  const keys = new TrustedKeys();
  const sendToSupernode = (frame: NodeFrame): boolean => {
    // Nothing comes: the supernode itself may be why.
    if (frame.kind === "starve") link.probe();
    return link.send(frame);
  };
  const transfers = new Transfers();
  const arrived = new ArrivedPieces();
  const originIntake = new OriginIntake({ ...origin, signer, metrics, transfers, limits });
  const neighbours = new Neighbours(
    self,
    {
      up: (neighbour, resumed) => conversation.up(neighbour, resumed),
      down: (neighbour) => conversation.down(neighbour),
      frame: (neighbour, frame) => conversation.frame(neighbour, frame),
      unreachable: (neighbourId) => conversation.unreachable(neighbourId),
    },
    { clock, log },
  );
  const driver: SwarmDriver = new SwarmDriver(hasSupernodes ? {} : ALONE, {
    nodeId,
    clock,
    random,
    neighbours,
    transfers,
    intake: new PieceIntake({
      fetcher,
      keys,
      metrics,
      log,
      nodeId,
      calendar: systemCalendar,
      renew: ({ number, admission }) =>
        void sendToSupernode({ kind: "renew", task: number, admission: admission!.bytes }),
      makeRoom: async () => await keeper.makeRoom(),
      arrived,
    }),
    sendToSupernode,
    seedEndpoint: () => supernode.seed,
    readOrigin: (session, firstPiece, pieceCount, signal) =>
      void originRuns.read(session, { firstPiece, pieceCount }, AbortSignal.any([signal, closing])),
    full: (session) => keeper.full(session),
  });
  const keeper = new TaskKeeper({ store, sessions, driver, clock, log, sendToSupernode });
  const local = new LocalTasks({ keeper, driver, arrived });
  const originRuns = new OriginRuns({ intake: originIntake, driver, keeper, log });
  const conversation = new NeighbourConversation({ driver, sessions, keeper });
  const cache = new LocalCache({
    store,
    sessions,
    keeper,
    signer,
    endorsement: () => originIntake.endorsement,
    sendToSupernode,
  });
  const joins = new Joins({ send: sendToSupernode, doubt: () => link.probe(), clock });
  const connection = new FirstConnection(hasSupernodes, () => link.isConnected, clock);
  const leave = (task: number): void => void sendToSupernode({ kind: "leave", task });
  const opener = new SessionOpener({
    ...origin,
    store,
    sessions,
    joins,
    whenConnected: async (signal) => await connection.made(signal),
    retired: async (taskId) => await keeper.ended(taskId),
    isSound: async (session) => await keeper.isSound(session),
    retire: (session) => keeper.retire(session),
    leave,
  });
  const wholeFiles = new WholeFiles({ opener, joins, sessions, store, metrics, log, leave });
  const supernode = new SupernodeConversation({
    keys,
    sessions,
    joins,
    store,
    driver,
    keeper,
    originIntake,
    log,
    link: () => link,
    orphaned: (session) => originRuns.orphaned(session, closing),
  });
  const link: SupernodeLink = new SupernodeLink(
    { urls: options.supernodeUrls, hello: () => helloOf(identity, self.endpoint, options.zone) },
    supernode,
    { clock, random, log },
  );
  const opening = new TaskOpening(
    {
      sessions,
      opener,
      local,
      limits,
      driver,
      keeper,
      supernode,
      originRuns,
      metrics,
      calendar: systemCalendar,
    },
    closing,
  );
  const admissions = new AdmissionGate(keys, systemCalendar);
  const uploads = new Uploads({ driver, keeper, neighbours, metrics, gate: admissions });
  const server = new PeerServer({
    metrics: deps.metrics,
    clock,
    bucket: limits.upload,
    upload: async (asked) => await uploads.begin(asked),
    neighbour: (socket, request) => neighbours.accept(socket, request),
  });
  return {
    limits,
    cache,
    sessions,
    local,
    opening,
    wholeFiles,
    fetcher,
    originClient,
    neighbours,
    driver,
    keeper,
    link,
    server,
  };
}
