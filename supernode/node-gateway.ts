import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";

import type { Log } from "../platform/log.ts";
import type { ErrorCode } from "../protocol/error-table.ts";
import { ERRORS } from "../protocol/error-table.ts";
import { FRAME_LENGTH_BYTES_MAX } from "../protocol/limits.ts";
import type { NodeFrame, SupernodeFrame } from "../protocol/node-frames.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../protocol/version.ts";
import type { ConnectedNode, NodeIntroduction, NodeLink } from "./connected-node.ts";
import { HeartbeatRing } from "./heartbeat-ring.ts";
import { parseIntroduction } from "./introduction.ts";
import { CLOSE, NodeChannel } from "./node-channel.ts";

const NODE_PATH = "/api/v1/node";

/** The most connections of nodes, those that have not introduced themselves yet included. */
export const NODE_CONNECTIONS_MAX = 65_536;

/** A heartbeat asks nodes in so many groups, one after the other, at least so long apart. */
const SLOTS_MAX = 50;
const SLOT_MS_MIN = 20;

export interface NodeGatewayOptions {
  /** How often a node is asked whether it is there; twice this without an answer, and it is dropped. */
  readonly heartbeatMs: number;
  /** A connection that has not introduced itself after so long is closed. */
  readonly helloMs: number;
}

/** Hears of nodes. */
export interface NodeEvents {
  onNode(introduction: NodeIntroduction, link: NodeLink): ConnectedNode;
  onFrame(node: ConnectedNode, frame: NodeFrame): void;
  onFrameSent(kind: SupernodeFrame["kind"]): void;
  onGone(node: ConnectedNode): void;
  onGarbage(): void;
}

/** Takes the WebSockets of nodes, each introduced by a hello, and keeps them alive. */
export class NodeGateway implements AsyncDisposable {
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: FRAME_LENGTH_BYTES_MAX,
    perMessageDeflate: false,
  });
  readonly #channels: HeartbeatRing<NodeChannel>;
  readonly #events: NodeEvents;
  readonly #options: NodeGatewayOptions;
  readonly #log: Log;
  readonly #heartbeat: NodeJS.Timeout;
  #isClosing = false;

  constructor(server: Server, events: NodeEvents, log: Log, options: NodeGatewayOptions) {
    this.#events = events;
    this.#log = log;
    this.#options = options;
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    const { heartbeatMs } = options;
    const slotCount = Math.max(1, Math.min(SLOTS_MAX, Math.floor(heartbeatMs / SLOT_MS_MIN)));
    this.#channels = new HeartbeatRing(slotCount);
    this.#heartbeat = setInterval(() => {
      for (const channel of this.#channels.due()) channel.checkAlive();
    }, heartbeatMs / slotCount);
    this.#heartbeat.unref();
  }

  /** Says good-bye to every node; resolves when all are gone, after a short while at the latest. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#heartbeat);
    if (this.#channels.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      for (const channel of this.#channels) channel.terminate();
      resolve();
    }, 1000);
    this.#onEmpty = resolve;
    for (const channel of this.#channels) {
      channel.close(CLOSE.shuttingDown, "the supernode stops");
    }
    await promise;
    clearTimeout(timer);
  }

  #onEmpty: () => void = () => {};

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const path = request.url?.split("?", 1)[0];
    if (path !== NODE_PATH)
      return refuse(socket, "NOT_FOUND", `there is no ${path ?? "path"} to upgrade`);
    const version = request.headers[PROTOCOL_HEADER];
    if (version !== String(PROTOCOL_VERSION)) {
      const theirs = typeof version === "string" ? `version ${version.slice(0, 16)}` : "no version";
      const message = `the supernode speaks version ${PROTOCOL_VERSION} of the protocol and the node ${theirs}; bring both to the same release`;
      return refuse(socket, "PROTOCOL_VERSION", message);
    }
    if (this.#isClosing) return refuse(socket, "SHUTTING_DOWN", "the supernode is about to stop");
    if (this.#channels.size >= NODE_CONNECTIONS_MAX) {
      return refuse(socket, "LIMIT_EXCEEDED", "too many nodes are connected; add a supernode");
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
      this.#accept(webSocket, socket, request.socket.remoteAddress ?? ""),
    );
  }

  #accept(webSocket: WebSocket, connection: Duplex, remoteAddress: string): void {
    let node: ConnectedNode | undefined;
    const log = this.#log.child({ remoteAddress });
    const channel = new NodeChannel(
      webSocket,
      connection,
      {
        onFrame: (frame) => {
          if (node) {
            this.#events.onFrame(node, frame);
            return;
          }
          const introduction = parseIntroduction(frame, remoteAddress);
          clearTimeout(timer);
          node = this.#events.onNode(introduction, channel);
        },
        onSent: (kind) => this.#events.onFrameSent(kind),
        onGarbage: () => this.#events.onGarbage(),
        onClosed: () => {
          clearTimeout(timer);
          this.#channels.delete(channel);
          if (node) this.#events.onGone(node);
          if (this.#channels.size === 0) this.#onEmpty();
        },
      },
      log,
    );
    const timer = setTimeout(() => {
      log.warn("a node did not introduce itself");
      channel.close(CLOSE.tooSlow, `no hello came within ${this.#options.helloMs} ms`);
    }, this.#options.helloMs);
    this.#channels.add(channel);
  }
}

/** Answers an upgrade request that is not granted, in the form of every other error. */
function refuse(socket: Duplex, code: ErrorCode, message: string): void {
  const body = JSON.stringify({ code, message });
  const { status } = ERRORS[code];
  socket.end(
    [
      `HTTP/1.1 ${status} ${code}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      `${PROTOCOL_HEADER}: ${PROTOCOL_VERSION}`,
      ...(status === 426
        ? ["upgrade: websocket", "connection: upgrade, close"]
        : ["connection: close"]),
      "",
      body,
    ].join("\r\n"),
  );
}
