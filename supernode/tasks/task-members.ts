import type { Bitmap } from "../../protocol/bitmap.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Host } from "../scheduler/scheduler.ts";
import type { TaskOrigin } from "../seed/seed-request.ts";
import type { Holding } from "./join-request.ts";

/** One join of a task, valid from the join to the leave or the abort. */
export interface TaskJoin {
  readonly node: ConnectedNode;
  /** The node's number for the task. */
  readonly number: number;
  /** Forgotten when the task was read: it may hold credentials. */
  origin: TaskOrigin | undefined;
  /** As the origin wrote it when it was asked for this join. */
  readonly lastModified?: string | undefined;
  readonly pieceLengthBytes: number | undefined;
  readonly holding: Holding | undefined;
  /** How long a content may be that the node takes whole with the answer; undefined for what all take. */
  readonly wholeBytesMax?: number | undefined;
  /** The node has not said yet what it holds, and will. */
  mayHold: boolean;
  /** The node gets only the pieces that it asks for, until it wants the whole. */
  isPart: boolean;
  /** Of a private task: what the node shows to those who hold pieces. Without it the node gets none. */
  readonly admission: Uint8Array | undefined;
  /** Joins again from the beginning, because the content that the URL stood for has changed since. */
  readonly rejoin: (() => void) | undefined;
}

/** A node that takes part, by one join or, where it knows a task by two names, by several. */
export class TaskMember {
  readonly node: ConnectedNode;
  readonly joins = new Map<number, TaskJoin>();
  /** The joins that the answer has gone out for. */
  readonly answered = new Set<number>();
  /** Those of them by which the node fetches pieces, until it says that it holds all. */
  readonly fetching = new Set<number>();
  /** Whether the node says that it holds every piece; a join that does not say so takes it back. */
  isFull = false;

  constructor(node: ConnectedNode) {
    this.node = node;
  }

  /** Whether the node gets only what it asks for. */
  get isPart(): boolean {
    for (const { isPart } of this.joins.values()) if (!isPart) return false;
    return true;
  }

  /** What the node said it held when it joined. */
  get holding(): Bitmap | undefined {
    for (const { holding } of this.joins.values()) if (holding) return holding.have;
    return undefined;
  }
}

/** The nodes that take part in one task. */
export class TaskMembers {
  readonly #byHost = new Map<Host, TaskMember>();

  get size(): number {
    return this.#byHost.size;
  }

  /** Whether every member holds every piece. */
  get areFull(): boolean {
    for (const { isFull } of this.#byHost.values()) if (!isFull) return false;
    return true;
  }

  /** Whether a member lacks pieces and wants all of them. */
  get wantWhole(): boolean {
    for (const { isFull, isPart } of this.#byHost.values()) if (!isFull && !isPart) return true;
    return false;
  }

  /** A member's first number, by which frames that concern the node once are sent. */
  numberOf(host: Host): number | undefined {
    return this.#byHost.get(host)?.answered.values().next().value;
  }

  get(host: Host): TaskMember | undefined {
    return this.#byHost.get(host);
  }

  add(join: TaskJoin): TaskMember {
    const { host } = join.node;
    const member = this.#byHost.get(host) ?? new TaskMember(join.node);
    this.#byHost.set(host, member);
    member.joins.set(join.number, join);
    member.isFull = join.holding !== undefined && isWhole(join.holding);
    return member;
  }

  /** Takes one join away. Returns true when the node takes part no longer. */
  remove(node: ConnectedNode, number: number): boolean {
    const member = this.#byHost.get(node.host);
    if (!member?.joins.delete(number)) return false;
    member.answered.delete(number);
    member.fetching.delete(number);
    if (member.joins.size > 0) return false;
    this.#byHost.delete(node.host);
    return true;
  }

  /** Every join, node by node. The set may change while it is read. */
  *joins(): Generator<TaskJoin> {
    for (const member of this) yield* member.joins.values();
  }

  *[Symbol.iterator](): Generator<TaskMember> {
    yield* this.#byHost.values();
  }

  /** Sends a frame to every join that was answered. */
  sendAll(frame: (number: number) => SupernodeFrame): void {
    for (const { node, answered } of this) {
      for (const number of answered) node.link.send(frame(number));
    }
  }
}

/** Whether what a node holds is all there is. */
export function isWhole({ lengthBytes, have }: Holding): boolean {
  return lengthBytes !== undefined && have.isFull;
}
