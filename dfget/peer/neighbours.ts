import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";

import type { Endpoint } from "../../protocol/endpoint.ts";
import { formatEndpoint, parseEndpoint } from "../../protocol/endpoint.ts";
import { FRAME_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import type { PeerFrame } from "../../protocol/peer-frames.ts";
import { peerFrames } from "../../protocol/peer-frames.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Task } from "../swarm/swarm.ts";
import type { NeighbourSummary } from "./local-cache.ts";
import { NeighbourLink } from "./neighbour-link.ts";

/** Another node, as the supernode names it. */
export interface NeighbourAddress {
  readonly nodeId: NodeId;
  readonly endpoint: Endpoint;
}

/** What the neighbours tell their owner. */
export interface NeighbourEvents {
  /**
   * A connection is up and both sides know who the other is. `resumed` are the tasks of a connection
   * to the same node that it takes the place of.
   */
  up(link: NeighbourLink, resumed: Iterable<Task>): void;
  /** It is gone; said once for each `up`. */
  down(link: NeighbourLink): void;
  frame(link: NeighbourLink, frame: PeerFrame): void;
  /** A node that was dialled did not answer as it should. */
  unreachable(nodeId: NodeId): void;
}

/** All control connections of a node, dialled or accepted, together. */
export const LINKS_MAX = 1024;
/** From dialling, or from accepting, to the other side's greeting. */
const GREETING_MS_MAX = 5000;
/** A link without a task is closed after this. */
const IDLE_MS_MAX = 20_000;
const PING_MS = 5000;

/** The control connections to other nodes: one per node, made by either side. */
export class Neighbours {
  readonly #self: { readonly nodeId: NodeId; endpoint: Endpoint };
  readonly #events: NeighbourEvents;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #byNode = new Map<NodeId, NeighbourLink>();
  readonly #byHost = new Map<number, NeighbourLink>();
  readonly #dialling = new Set<NodeId>();
  /** Sockets without a link yet. */
  readonly #strangers = new Set<WebSocket>();
  readonly #sweep: NodeJS.Timeout;
  #nextHost = 0;
  #isClosed = false;

  constructor(
    self: { readonly nodeId: NodeId; endpoint: Endpoint },
    events: NeighbourEvents,
    deps: { clock: Clock; log: Log },
  ) {
    this.#self = self;
    this.#events = events;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#sweep = setInterval(() => this.#sweepLinks(), PING_MS);
    this.#sweep.unref();
  }

  /** The link to a node that is up. */
  byNode(nodeId: NodeId): NeighbourLink | undefined {
    return this.#byNode.get(nodeId);
  }

  /** The link that the swarm knows by a number. */
  byHost(host: number): NeighbourLink | undefined {
    return this.#byHost.get(host);
  }

  /** Every link that is up. */
  all(): Iterable<NeighbourLink> {
    return this.#byNode.values();
  }

  summaries(): NeighbourSummary[] {
    return [...this.#byNode.values()].map(({ nodeId, endpoint }) => ({
      nodeId,
      endpoint: formatEndpoint(endpoint),
    }));
  }

  get count(): number {
    return this.#byNode.size;
  }

  /** Makes a connection to a node unless there is one, or one being made. */
  dial({ nodeId, endpoint }: NeighbourAddress): void {
    if (this.#isClosed || nodeId === this.#self.nodeId) return;
    if (this.#byNode.has(nodeId) || this.#dialling.has(nodeId)) return;
    const isFull = this.#byNode.size + this.#strangers.size >= LINKS_MAX;
    const url = URL.parse(`ws://${formatEndpoint(endpoint)}/control`);
    if (!url || isFull) {
      // A host such as 10.0.0.256 has the form of an endpoint and is none. Told later: the caller is not done yet.
      queueMicrotask(() => this.#events.unreachable(nodeId));
      return;
    }
    this.#dialling.add(nodeId);
    const socket = new WebSocket(url, {
      headers: { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
      handshakeTimeout: GREETING_MS_MAX,
      maxPayload: FRAME_LENGTH_BYTES_MAX,
      perMessageDeflate: false,
    });
    socket.on("open", () => this.#greet(socket));
    socket.on("close", () => {
      this.#dialling.delete(nodeId);
      if (!this.#byNode.has(nodeId)) this.#events.unreachable(nodeId);
    });
    this.#receive(socket, { isOurs: true, expected: nodeId, endpointOf: () => endpoint });
  }

  /** Takes a connection that another node made. */
  accept(socket: WebSocket, request: IncomingMessage): void {
    if (this.#isClosed || this.#byNode.size + this.#strangers.size >= LINKS_MAX) {
      socket.close(1013, "too many neighbours");
      return;
    }
    const remoteAddress = request.socket.remoteAddress ?? "";
    this.#greet(socket);
    this.#receive(socket, {
      isOurs: false,
      expected: undefined,
      // The address is taken from the connection: a node cannot point us at somebody else.
      endpointOf: (told) => {
        const endpoint = parseEndpoint(told);
        return endpoint && { host: remoteAddress.replace(/^::ffff:/, ""), port: endpoint.port };
      },
    });
  }

  /** Closes every connection. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    for (const link of this.#byNode.values()) link.socket.close(1001);
    for (const socket of this.#strangers) socket.terminate();
  }

  #greet(socket: WebSocket): void {
    const endpoint = formatEndpoint(this.#self.endpoint);
    socket.send(peerFrames.encode({ kind: "greeting", nodeId: this.#self.nodeId, endpoint }));
  }

  #receive(
    socket: WebSocket,
    origin: {
      readonly isOurs: boolean;
      readonly expected: NodeId | undefined;
      endpointOf(told: string): Endpoint | undefined;
    },
  ): void {
    this.#strangers.add(socket);
    const greeting = setTimeout(() => socket.terminate(), GREETING_MS_MAX);
    let link: NeighbourLink | undefined;
    socket.binaryType = "nodebuffer";
    socket.on("error", (error) =>
      this.#log.debug({ error: error.message }, "neighbour connection"),
    );
    socket.on("close", () => {
      clearTimeout(greeting);
      this.#strangers.delete(socket);
      if (link) this.#drop(link);
    });
    const heard = (): void => {
      if (link) link.lastHeardMs = this.#clock.nowMs();
    };
    socket.on("ping", heard);
    socket.on("pong", heard);
    socket.on("message", (data: Buffer) => {
      heard();
      const frame = this.#decode(socket, data);
      if (!frame) return;
      if (link) {
        if (this.#byHost.get(link.host) === link) this.#events.frame(link, frame);
        return;
      }
      const nodeId = frame.kind === "greeting" ? parseNodeId(frame.nodeId) : undefined;
      const endpoint = frame.kind === "greeting" ? origin.endpointOf(frame.endpoint) : undefined;
      const isExpected = origin.expected === undefined || origin.expected === nodeId;
      if (!nodeId || !endpoint || !isExpected) {
        socket.close(4400, "greeting");
        return;
      }
      clearTimeout(greeting);
      this.#strangers.delete(socket);
      link = this.#admit(socket, nodeId, endpoint, origin.isOurs);
      if (!link) socket.close(4409, "connected already");
    });
  }

  /** Of two connections between the same nodes, both keep the one dialled by the smaller node id. */
  #admit(
    socket: WebSocket,
    nodeId: NodeId,
    endpoint: Endpoint,
    isOurs: boolean,
  ): NeighbourLink | undefined {
    if (nodeId === this.#self.nodeId) return undefined;
    const existing = this.#byNode.get(nodeId);
    const resumed = [...(existing?.tasks ?? [])];
    if (existing) {
      const isPreferred = isOurs === this.#self.nodeId < nodeId;
      if (!isPreferred && existing.isOurs !== isOurs) return undefined;
      existing.socket.close(4409, "connected already");
      this.#drop(existing);
    }
    const host = this.#nextHost++;
    const nowMs = this.#clock.nowMs();
    const link = new NeighbourLink({ host, nodeId, endpoint, isOurs, socket, nowMs });
    this.#byNode.set(nodeId, link);
    this.#byHost.set(host, link);
    this.#events.up(link, resumed);
    return link;
  }

  #drop(link: NeighbourLink): void {
    if (!this.#byHost.delete(link.host)) return;
    if (this.#byNode.get(link.nodeId) === link) this.#byNode.delete(link.nodeId);
    this.#events.down(link);
  }

  #decode(socket: WebSocket, data: Buffer): PeerFrame | undefined {
    try {
      return peerFrames.decode(data);
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, "a neighbour sent a frame of garbage");
      socket.close(4400, "garbage");
      return undefined;
    }
  }

  /** Pings, so that a connection without its other end is noticed, and closes what is idle. */
  #sweepLinks(): void {
    const nowMs = this.#clock.nowMs();
    for (const link of this.#byNode.values()) {
      if (link.tasks.size > 0) link.lastUsedMs = nowMs;
      if (nowMs - link.lastUsedMs > IDLE_MS_MAX) link.socket.close(1000, "idle");
      else if (nowMs - link.lastHeardMs > PING_MS * 3) link.socket.terminate();
      else link.socket.ping();
    }
  }
}
