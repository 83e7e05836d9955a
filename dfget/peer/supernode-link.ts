import { WebSocket } from "ws";

import type { NodeFrame, SupernodeFrame } from "../../protocol/node-frames.ts";
import { nodeFrames, supernodeFrames } from "../../protocol/node-frames.ts";
import { FRAME_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { printableUrl } from "../../platform/log.ts";
import { TurnCork } from "../../platform/turn-cork.ts";
import { connectPlainly } from "./supernode-socket.ts";

export type Hello = Extract<NodeFrame, { kind: "hello" }>;
export type Welcome = Extract<SupernodeFrame, { kind: "welcome" }>;

/** What the link tells its owner. */
export interface SupernodeLinkEvents {
  /** Connected and greeted; frames may be sent from now on. `url` is the supernode's, http or https. */
  connected(welcome: Welcome, url: string): void;
  frame(frame: SupernodeFrame): void;
  /** The connection is gone; said once for each `connected`. */
  lost(): void;
}

export interface SupernodeLinkOptions {
  /** Base URLs, http or https, in order of preference. Empty: there is never a connection. */
  readonly urls: readonly string[];
  /** What to say of this node, asked on each connection. */
  hello(): Hello;
}

/** Delays between attempts; the true one is between half and the whole of these. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5000;
/** An attempt, from dialling to the welcome. */
const CONNECT_MS_MAX = 5000;
/** How a supernode closes the connection of a node when another one comes with the same id. */
const REPLACED = 4409;
/** Two nodes of one id would else push each other out for ever, several times a second. */
const REPLACED_RETRY_MS = 60_000;
/** How long a supernode may take to say that it is there, when something it should bring does not come. */
const PROBE_MS_MAX = 4000;
/** A supernode that wants to be silent for longer is not waited for. */
const HEARTBEAT_MS_MAX = 600_000;
/** A supernode that does not read this much is given up. */
const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;

/** The one connection of a node to its supernode, made again for as long as the node lives. */
export class SupernodeLink {
  readonly #options: SupernodeLinkOptions;
  readonly #events: SupernodeLinkEvents;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #socket: WebSocket | undefined;
  #cork: TurnCork | undefined;
  #isConnected = false;
  #connectedUrl: string | undefined;
  #lastHeardMs = 0;
  #heardCount = 0;
  #isProbing = false;
  /** What was said about attempts since the last connection, because an outage may last for days. */
  readonly #complaints = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(
    options: SupernodeLinkOptions,
    events: SupernodeLinkEvents,
    deps: { clock: Clock; random: Random; log: Log },
  ) {
    this.#options = options;
    this.#events = events;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
  }

  /** Begins to connect; returns at once. */
  start(): void {
    this.#running ??= this.#run();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The supernode connected to now. */
  get connectedUrl(): string | undefined {
    return this.#connectedUrl;
  }

  /** Sends a frame. Returns false when there is no connection; it is then lost. */
  send(frame: NodeFrame): boolean {
    const socket = this.#socket;
    if (!socket || !this.#isConnected) return false;
    this.#cork?.hold();
    socket.send(nodeFrames.encode(frame));
    if (socket.bufferedAmount > BUFFERED_BYTES_MAX) socket.terminate();
    return true;
  }

  /**
   * Asks the supernode whether it is there, because something does not come; gives the connection up when nothing is heard of
   * it. A process that hangs keeps its connections, and its next heartbeat would be missed much later.
   */
  probe(): void {
    const socket = this.#socket;
    if (!socket || !this.#isConnected || this.#isProbing) return;
    this.#isProbing = true;
    const heardBefore = this.#heardCount;
    socket.ping();
    const decide = (): void => {
      this.#isProbing = false;
      if (this.#heardCount === heardBefore) socket.terminate();
    };
    this.#clock.sleep(PROBE_MS_MAX, this.#closing.signal).then(decide, () => undefined);
  }

  /** Ends the connection and the attempts. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#socket?.close(1001);
    this.#socket?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted && this.#options.urls.length > 0) {
      const url = this.#options.urls[failures % this.#options.urls.length]!;
      const { wasConnected, isReplaced } = await this.#connectOnce(url);
      failures = wasConnected ? 0 : failures + 1;
      const delayMs = isReplaced
        ? REPLACED_RETRY_MS
        : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, 10));
      const jitteredMs = delayMs * (0.5 + this.#random() / 2);
      await this.#clock.sleep(jitteredMs, this.#closing.signal).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended, telling whether it had ever been greeted. */
  #connectOnce(url: string): Promise<{ wasConnected: boolean; isReplaced: boolean }> {
    const place = new URL("/api/v1/node", url.replace(/^http/, "ws"));
    const socket = new WebSocket(place, {
      ...(place.protocol === "ws:" && { createConnection: connectPlainly }),
      headers: { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
      handshakeTimeout: CONNECT_MS_MAX,
      maxPayload: FRAME_LENGTH_BYTES_MAX,
      perMessageDeflate: false,
    });
    socket.binaryType = "nodebuffer";
    this.#socket = socket;
    const greeting = setTimeout(() => socket.terminate(), CONNECT_MS_MAX);
    let heartbeat: NodeJS.Timeout | undefined;
    let wasConnected = false;
    const heard = (): void => {
      this.#lastHeardMs = this.#clock.nowMs();
      this.#heardCount += 1;
    };
    heard();
    socket.on("upgrade", (response) => (this.#cork = new TurnCork(response.socket)));
    socket.on("ping", heard);
    socket.on("pong", heard);
    socket.on("open", () => socket.send(nodeFrames.encode(this.#options.hello())));
    socket.on("message", (data: Buffer) => {
      heard();
      const frame = this.#decode(data);
      if (!frame) return;
      if (frame.kind !== "welcome") {
        if (wasConnected) this.#events.frame(frame);
        return;
      }
      if (wasConnected) return;
      wasConnected = true;
      clearTimeout(greeting);
      const silenceMsMax = Math.min(Math.max(1000, frame.heartbeatMs), HEARTBEAT_MS_MAX) * 3;
      heartbeat = setInterval(() => {
        if (this.#clock.nowMs() - this.#lastHeardMs > silenceMsMax) socket.terminate();
      }, silenceMsMax / 3);
      heartbeat.unref();
      this.#isConnected = true;
      this.#connectedUrl = url;
      this.#complaints.clear();
      this.#log.info({ supernode: printableUrl(url) }, "connected to the supernode");
      this.#events.connected(frame, url);
    });
    socket.on("unexpected-response", (_request, { statusCode: status }) => {
      this.#complain(
        url,
        status === 426
          ? "the supernode speaks another version of the protocol; bring both to the same release"
          : "the supernode refused the connection; check --supernode",
        { status },
      );
      socket.removeAllListeners("error").on("error", () => undefined);
      socket.terminate();
    });
    socket.on("error", (error) => {
      const message = "no connection to the supernode; check --supernode and whether it runs";
      if (!this.#closing.signal.aborted && !wasConnected)
        this.#complain(url, message, { error: error.message.split("\n", 1)[0] });
    });
    return new Promise((resolve) => {
      socket.on("close", (code) => {
        clearTimeout(greeting);
        clearInterval(heartbeat);
        this.#socket = undefined;
        this.#isConnected = false;
        this.#connectedUrl = undefined;
        if (wasConnected) {
          if (!this.#closing.signal.aborted) {
            const message =
              code === REPLACED
                ? "another node with this node's id connected to the supernode; give each node a data directory of its own, that is no copy of another's"
                : "lost the supernode";
            this.#log.warn({ supernode: printableUrl(url), code }, message);
          }
          this.#events.lost();
        }
        resolve({ wasConnected, isReplaced: wasConnected && code === REPLACED });
      });
    });
  }

  #complain(
    url: string,
    message: string,
    reason: { readonly status?: number | undefined; readonly error?: string | undefined },
  ): void {
    const complaint = `${url} ${reason.status}`;
    const level = this.#complaints.has(complaint) ? "debug" : "warn";
    this.#complaints.add(complaint);
    this.#log[level]({ supernode: printableUrl(url), ...reason }, message);
  }

  #decode(data: Buffer): SupernodeFrame | undefined {
    try {
      return supernodeFrames.decode(data);
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, "the supernode sent a frame of garbage");
      this.#socket?.close(4400, "garbage");
      return undefined;
    }
  }
}
