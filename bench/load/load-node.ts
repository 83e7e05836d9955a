import { createHash } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";

import { FRAME_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { NodeFrame, SupernodeFrame } from "../../protocol/node-frames.ts";
import { nodeFrames, supernodeFrames } from "../../protocol/node-frames.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../protocol/version.ts";

/** Nodes that connect from one address; each address has some 28,000 ports. */
const NODES_PER_ADDRESS = 20_000;
const CONNECT_MS_MAX = 30_000;

/** What the nodes of a driver have in common. */
export interface LoadNodeOptions {
  /** `address:port` of the supernode. */
  readonly authority: string;
  readonly seed: number;
  readonly zoneCount: number;
}

/** A node as its supernode sees it: one socket that speaks the protocol. Behind it there is no store. */
export class LoadNode {
  readonly index: number;
  readonly nodeId: string;
  /** Hears every frame after the welcome. */
  onFrame: (frame: SupernodeFrame) => void = () => {};
  readonly #socket: WebSocket;
  #isClosing = false;
  #taskNumber = 0;
  #sentFrames = 0;
  #receivedFrames = 0;

  private constructor(index: number, nodeId: string, socket: WebSocket) {
    this.index = index;
    this.nodeId = nodeId;
    this.#socket = socket;
  }

  /** Connects and says hello; resolves after the welcome. `onLost` is called when the connection ends unasked. */
  static async connect(
    index: number,
    options: LoadNodeOptions,
    onLost: (node: LoadNode) => void,
  ): Promise<LoadNode> {
    const { authority, seed, zoneCount } = options;
    const address = 1 + Math.floor(index / NODES_PER_ADDRESS);
    const identity = createHash("sha256").update(`node ${seed} ${index}`).digest();
    const socket = new WebSocket(`ws://${authority}/api/v1/node`, {
      headers: { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
      // To find a free port at an address that is named takes the kernel longer than to connect.
      ...(address === 1 ? {} : { localAddress: `127.0.0.${address}` }),
      handshakeTimeout: CONNECT_MS_MAX,
      maxPayload: FRAME_LENGTH_BYTES_MAX,
      perMessageDeflate: false,
    });
    const node = new LoadNode(index, identity.toString("hex").slice(0, 32), socket);
    await once(socket, "open");
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!node.#isClosing) onLost(node);
    });
    const welcomed = Promise.withResolvers<void>();
    const refused = (): void => welcomed.reject(new Error("the supernode closed a connection"));
    socket.once("close", refused);
    node.onFrame = ({ kind }) => {
      if (kind === "welcome") welcomed.resolve();
    };
    socket.on("message", (data: Buffer) => node.#receive(data));
    node.send({
      kind: "hello",
      nodeId: node.nodeId,
      // Nobody connects there: what nodes say to each other is not simulated.
      endpoint: `127.0.0.1:${1024 + (index % 60_000)}`,
      zone: zoneCount === 1 ? "" : `zone${index % zoneCount}`,
      publicKey: identity,
      software: "bench:load",
    });
    await welcomed.promise;
    socket.off("close", refused);
    node.onFrame = () => {};
    return node;
  }

  /** Frames both ways so far. */
  get frames(): number {
    return this.#sentFrames + this.#receivedFrames;
  }

  /** A number for a task, as it is not used again on this connection. */
  nextTaskNumber(): number {
    this.#taskNumber += 1;
    return this.#taskNumber;
  }

  send(frame: NodeFrame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#sentFrames += 1;
    this.#socket.send(nodeFrames.encode(frame));
  }

  close(): void {
    this.#isClosing = true;
    this.#socket.terminate();
  }

  #receive(data: Buffer): void {
    this.#receivedFrames += 1;
    const frame = supernodeFrames.decode(data);
    if (frame) this.onFrame(frame);
  }
}
