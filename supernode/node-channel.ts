import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";

import type { Log } from "../platform/log.ts";
import { TurnCork } from "../platform/turn-cork.ts";
import type { NodeFrame, SupernodeFrame } from "../protocol/node-frames.ts";
import { nodeFrames, supernodeFrames } from "../protocol/node-frames.ts";
import { FrameError } from "../protocol/wire.ts";
import { sendLongMessage } from "./binary-message.ts";
import type { NodeLink } from "./connected-node.ts";

/** A node that leaves so many bytes unread is dropped. */
export const SEND_BUFFER_BYTES_MAX = 8 * 1024 * 1024;
/** Large frames wait while more than this is unread. */
const DRAINED_BYTES = 1024 * 1024;
/** The most large frames that wait; one task has two at most. */
const WAITING_MAX = 16_384;

/** Why a connection was closed by us, as WebSocket close codes. */
export const CLOSE = {
  shuttingDown: 1001,
  garbage: 4400,
  replaced: 4409,
  tooSlow: 4408,
} as const;

export interface NodeChannelEvents {
  /** Throwing a {@link FrameError} closes the connection as one that sent garbage. */
  onFrame(frame: NodeFrame): void;
  onSent(kind: SupernodeFrame["kind"]): void;
  onGarbage(): void;
  onClosed(): void;
}

/** One WebSocket of a node: frames in both directions, and whether it is alive. */
export class NodeChannel implements NodeLink {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #cork: TurnCork;
  readonly #events: NodeChannelEvents;
  readonly #log: Log;
  #waiting: (() => SupernodeFrame | undefined)[] = [];
  #isAlive = true;

  /** `connection` is what the socket sends over. */
  constructor(socket: WebSocket, connection: Duplex, events: NodeChannelEvents, log: Log) {
    this.#socket = socket;
    this.#connection = connection;
    this.#cork = new TurnCork(connection);
    this.#events = events;
    this.#log = log;
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("pong", () => (this.#isAlive = true));
    socket.on("close", (code) => {
      this.#waiting = [];
      log.debug({ code }, "a node's connection closed");
      events.onClosed();
    });
    // The close event follows; what can be wrong is a frame that breaks the WebSocket protocol or is too long.
    socket.on("error", (error) => {
      log.warn({ reason: error.message }, "a node's connection failed");
      if ("code" in error && String(error.code).startsWith("WS_ERR_")) events.onGarbage();
    });
  }

  send(frame: SupernodeFrame): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#cork.hold();
    const parts = supernodeFrames.encodeParts(frame);
    if (parts.length === 1) this.#socket.send(parts[0]!, this.#onSent);
    else sendLongMessage(this.#connection, parts, this.#onSent);
    this.#events.onSent(frame.kind);
    if (this.#socket.bufferedAmount > SEND_BUFFER_BYTES_MAX) this.#drop("it takes too little");
  }

  sendWhenDrained(make: () => SupernodeFrame | undefined): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#drop("too much waits for it");
      return;
    }
    this.#waiting.push(make);
    this.#onSent();
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason.slice(0, 120));
  }

  /** Called every heartbeat: asks whether the node is there, and drops it when it did not answer the last time. */
  checkAlive(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (!this.#isAlive) {
      this.#drop("it does not answer");
      return;
    }
    this.#isAlive = false;
    this.#socket.ping();
  }

  /** Cuts the connection without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  readonly #onSent = (): void => {
    while (this.#waiting.length > 0 && this.#socket.bufferedAmount < DRAINED_BYTES) {
      const frame = this.#waiting.shift()!();
      if (frame) this.send(frame);
    }
  };

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#isAlive = true;
    try {
      if (!isBinary) throw new FrameError("frames are binary, this one is text");
      const frame = nodeFrames.decode(bytesOf(data));
      if (frame) this.#events.onFrame(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#log.warn({ reason: error.message }, "a node sent a frame that cannot be read");
      this.#events.onGarbage();
      this.close(CLOSE.garbage, `unreadable frame: ${error.message}`);
    }
  }

  #drop(why: string): void {
    this.#log.warn(
      { reason: why, bufferedBytes: this.#socket.bufferedAmount },
      "a node is dropped",
    );
    // Its closing has consequences for other nodes, whom the caller may just be sending to.
    setImmediate(() => this.#socket.terminate());
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
