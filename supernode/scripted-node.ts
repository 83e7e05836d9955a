import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";

import { sha256 } from "../platform/digest-check.ts";
import { TrustedKeys } from "../platform/signing.ts";
import type { NodeFrame, SupernodeFrame } from "../protocol/node-frames.ts";
import { nodeFrames, supernodeFrames } from "../protocol/node-frames.ts";
import { pieceCount, pieceSpan } from "../protocol/piece-table.ts";
import { Bitmap } from "../protocol/bitmap.ts";
import {
  NODE_HEADER,
  PIECE_HEADER,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
} from "../protocol/version.ts";

type FrameKind = SupernodeFrame["kind"];
type FrameOf<K extends FrameKind> = Extract<SupernodeFrame, { kind: K }>;
type Join = Extract<NodeFrame, { kind: "join" }>;

/** A task as a scripted node has fetched it. */
export interface FetchedTask {
  readonly task: FrameOf<"task">;
  readonly content: Buffer;
}

const WAIT_MS_MAX = 30_000;

/** A node for tests: does what it is told, keeps every frame it gets, and checks every piece it fetches. */
export class ScriptedNode implements AsyncDisposable {
  readonly nodeId: string;
  readonly frames: SupernodeFrame[] = [];
  /** How the supernode closed the connection. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly socket: WebSocket;
  readonly #authority: string;
  readonly #keys = new TrustedKeys();
  readonly #taken = new Set<SupernodeFrame>();
  #onFrame: () => void = () => {};
  #number = 0;

  private constructor(authority: string, nodeId: string, socket: WebSocket) {
    this.#authority = authority;
    this.nodeId = nodeId;
    this.socket = socket;
    socket.on("message", (data: Buffer) => {
      const frame = supernodeFrames.decode(data);
      if (frame) this.frames.push(frame);
      this.#onFrame();
    });
    this.closed = once(socket, "close").then(([code, reason]) => ({
      code: code as number,
      reason: String(reason),
    }));
  }

  /** Connects to `host:port` without introducing itself. */
  static async dial(
    authority: string,
    options: { autoPong?: boolean } = {},
  ): Promise<ScriptedNode> {
    const socket = new WebSocket(`ws://${authority}/api/v1/node`, {
      headers: { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
      autoPong: options.autoPong ?? true,
    });
    const node = new ScriptedNode(authority, randomBytes(16).toString("hex"), socket);
    await once(socket, "open");
    return node;
  }

  /** Connects, says hello and waits for the welcome. */
  static async connect(
    authority: string,
    options: { autoPong?: boolean; endpoint?: string; nodeId?: string } = {},
  ): Promise<ScriptedNode> {
    const node = await ScriptedNode.dial(authority, options);
    const { publicKey } = generateKeyPairSync("ed25519");
    node.send({
      kind: "hello",
      nodeId: options.nodeId ?? node.nodeId,
      endpoint: options.endpoint ?? "0.0.0.0:9",
      zone: "",
      publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32),
      software: "scripted",
    });
    const welcome = await node.next("welcome");
    node.#keys.add(welcome.publicKey);
    return node;
  }

  send(frame: NodeFrame): void {
    this.socket.send(nodeFrames.encode(frame));
  }

  /** Joins a task and returns the number that it has here. */
  join(fields: Omit<Join, "kind" | "task">): number {
    this.#number += 1;
    this.send({ kind: "join", task: this.#number, ...fields });
    return this.#number;
  }

  /** Joins a task by the URL of its origin, and by its digest where one is given. */
  joinUrl(url: string, taskId?: string, headers: Record<string, string> = {}): number {
    const list = Object.entries(headers).map(([name, value]) => ({ name, value }));
    return this.join({
      origin: { url, headers: list },
      ...(taskId === undefined ? {} : { taskId }),
    });
  }

  /** The first frame of a kind that was not taken before, of one task where a number is given. */
  async next<K extends FrameKind>(kind: K, task?: number): Promise<FrameOf<K>> {
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    for (;;) {
      const frame = this.frames.find(
        (candidate) =>
          candidate.kind === kind && isOf(candidate, task) && !this.#taken.has(candidate),
      );
      if (frame) {
        this.#taken.add(frame);
        return frame as FrameOf<K>;
      }
      await this.#nextFrame(deadline, `waited in vain for ${kind} of task ${task}`);
    }
  }

  /** Fetches the pieces that are offered until the task is proven and whole. */
  async fetchAll(number: number): Promise<FetchedTask> {
    const task = await this.next("task", number);
    if (task.content) return { task, content: Buffer.from(task.content) };
    let { lengthBytes } = task;
    const pieces = new Map<number, Buffer>();
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    for (;;) {
      const frame = this.frames.find(
        (candidate) =>
          ["offer", "length", "proven", "abort"].includes(candidate.kind) &&
          isOf(candidate, number) &&
          !this.#taken.has(candidate),
      );
      if (frame) this.#taken.add(frame);
      else
        await this.#nextFrame(deadline, `task ${number} came to a stop at ${pieces.size} pieces`);
      if (frame?.kind === "abort") throw new Error(`aborted: ${frame.code} ${frame.message}`);
      if (frame?.kind === "length") ({ lengthBytes } = frame);
      if (frame?.kind === "offer") {
        for (const piece of frame.pieces) {
          pieces.set(piece, await this.fetchPiece(task.taskId, piece));
          this.#report(number, pieces, lengthBytes, task.pieceLengthBytes);
        }
      }
      const isProven = this.frames.some(
        ({ kind, ...rest }) =>
          kind === "proven" && isOf({ kind, ...rest } as SupernodeFrame, number),
      );
      if (
        isProven &&
        lengthBytes !== undefined &&
        pieces.size === pieceCount(lengthBytes, task.pieceLengthBytes)
      ) {
        const content = Buffer.concat(
          [...pieces.keys()].sort((a, b) => a - b).map((i) => pieces.get(i)!),
        );
        return { task, content };
      }
    }
  }

  /** Fetches one piece from the seed; throws when its certificate does not vouch for it. */
  async fetchPiece(taskId: string, pieceIndex: number): Promise<Buffer> {
    const response = await fetch(`http://${this.#authority}/pieces/${taskId}/${pieceIndex}`, {
      headers: { [NODE_HEADER]: this.nodeId },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200)
      throw new Error(`piece ${pieceIndex}: ${response.status} ${bytes.toString()}`);
    const certificate = Buffer.from(response.headers.get(PIECE_HEADER) ?? "", "base64url");
    this.checkPiece(taskId, pieceIndex, bytes, certificate);
    return bytes;
  }

  /** Throws when the certificate does not vouch for the piece. */
  checkPiece(taskId: string, pieceIndex: number, bytes: Uint8Array, certificate: Uint8Array): void {
    const piece = { taskId, pieceIndex, lengthBytes: bytes.length };
    const vouched = this.#keys.verifyCertificate(certificate, piece);
    if (!vouched || Buffer.compare(vouched, sha256(bytes)) !== 0) {
      throw new Error(`piece ${pieceIndex} of ${taskId} has a wrong certificate`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  #report(
    number: number,
    pieces: ReadonlyMap<number, Buffer>,
    lengthBytes: number | undefined,
    pieceLengthBytes: number,
  ): void {
    if (lengthBytes === undefined) return;
    const have = new Bitmap(pieceCount(lengthBytes, pieceLengthBytes));
    for (const index of pieces.keys()) {
      pieceSpan(index, lengthBytes, pieceLengthBytes);
      have.add(index);
    }
    this.send({ kind: "progress", task: number, have: have.toBytes() });
  }

  async #nextFrame(deadline: AbortSignal, complaint: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onTimeout = (): void =>
      reject(new Error(`${complaint}; got ${this.frames.map(({ kind }) => kind).join(" ")}`));
    deadline.addEventListener("abort", onTimeout, { once: true });
    this.#onFrame = resolve;
    void this.closed.then(({ code }) => reject(new Error(`${complaint}; closed with ${code}`)));
    try {
      await promise;
    } finally {
      deadline.removeEventListener("abort", onTimeout);
    }
  }
}

function isOf(frame: SupernodeFrame, task: number | undefined): boolean {
  return task === undefined || ("task" in frame && frame.task === task);
}
