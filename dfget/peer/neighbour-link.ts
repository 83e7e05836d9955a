import type { WebSocket } from "ws";

import type { Endpoint } from "../../protocol/endpoint.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { PeerFrame } from "../../protocol/peer-frames.ts";
import { peerFrames } from "../../protocol/peer-frames.ts";
import type { Task } from "../swarm/swarm.ts";

/** A neighbour that does not read this much of our control frames is given up. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;
/** More tasks than two nodes can sensibly share; further hellos are ignored. */
const REMOTE_TASKS_MAX = 8192;

/** The control connection to one other node, shared by all tasks of the pair. */
export class NeighbourLink {
  /** How the swarm knows the node; a new connection gets a new number. */
  readonly host: number;
  readonly nodeId: NodeId;
  /** Where the node serves pieces. */
  readonly endpoint: Endpoint;
  /** Whether this side dialled. */
  readonly isOurs: boolean;
  readonly socket: WebSocket;
  /** The tasks that the node introduced, by its own number for them. */
  readonly #remoteTasks = new Map<number, string>();
  /** Our tasks that the swarm exchanges over this link. */
  readonly tasks = new Set<Task>();
  lastUsedMs: number;
  lastHeardMs: number;

  constructor(
    init: Pick<NeighbourLink, "host" | "nodeId" | "endpoint" | "isOurs" | "socket"> & {
      nowMs: number;
    },
  ) {
    this.host = init.host;
    this.nodeId = init.nodeId;
    this.endpoint = init.endpoint;
    this.isOurs = init.isOurs;
    this.socket = init.socket;
    this.lastUsedMs = init.nowMs;
    this.lastHeardMs = init.nowMs;
  }

  send(frame: PeerFrame): void {
    this.sendBytes(peerFrames.encode(frame));
  }

  /** Sends a frame that was encoded once for several neighbours. */
  sendBytes(frame: Uint8Array): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.send(frame);
    if (this.socket.bufferedAmount > BUFFERED_BYTES_MAX) this.socket.terminate();
  }

  /** The task that the node means by its number; undefined when it never introduced it. */
  remoteTask(task: number): string | undefined {
    return this.#remoteTasks.get(task);
  }

  /** Notes what the node calls a task. */
  introduce(task: number, taskId: string): void {
    if (this.#remoteTasks.size < REMOTE_TASKS_MAX || this.#remoteTasks.has(task)) {
      this.#remoteTasks.set(task, taskId);
    }
  }

  /** The node left the task. */
  retire(task: number): void {
    this.#remoteTasks.delete(task);
  }
}
