import type { Clock } from "../platform/clock.ts";
import type { NodeId } from "../protocol/node-id.ts";
import { parseNodeId } from "../protocol/node-id.ts";
import type { ConnectedNode, NodeIntroduction, NodeLink } from "./connected-node.ts";
import { LowestFree } from "./lowest-free.ts";
import { CLOSE } from "./node-channel.ts";
import type { Host } from "./scheduler/scheduler.ts";

/** The nodes that are connected now. */
export class NodeRegistry {
  readonly #clock: Clock;
  readonly #byId = new Map<NodeId, ConnectedNode>();
  readonly #byHost = new Map<Host, ConnectedNode>();
  readonly #hosts = new LowestFree();
  readonly #onRemoved: (node: ConnectedNode) => void;

  /** `onRemoved` is called for a node before its number can be given to another one. */
  constructor(clock: Clock, onRemoved: (node: ConnectedNode) => void) {
    this.#clock = clock;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#byHost.size;
  }

  /** Adds a node. Another connection of the same node is closed: a node that reconnects is the one that counts. */
  add(introduction: NodeIntroduction, link: NodeLink): ConnectedNode {
    const earlier = this.#byId.get(introduction.nodeId);
    if (earlier) {
      this.remove(earlier);
      earlier.link.close(CLOSE.replaced, "the node connected again");
    }
    const host = this.#hosts.take();
    const node = { ...introduction, host, link, connectedAtMs: this.#clock.nowMs() };
    this.#byId.set(node.nodeId, node);
    this.#byHost.set(host, node);
    return node;
  }

  /** Removes a node; does nothing for one that is removed already. */
  remove(node: ConnectedNode): void {
    if (this.#byHost.get(node.host) !== node) return;
    this.#byId.delete(node.nodeId);
    this.#byHost.delete(node.host);
    this.#onRemoved(node);
    this.#hosts.give(node.host);
  }

  get(host: Host): ConnectedNode | undefined {
    return this.#byHost.get(host);
  }

  /** The node of an id that came from outside. */
  find(nodeId: string): ConnectedNode | undefined {
    const parsed = parseNodeId(nodeId);
    return parsed && this.#byId.get(parsed);
  }

  [Symbol.iterator](): Iterator<ConnectedNode> {
    return this.#byHost.values();
  }
}
