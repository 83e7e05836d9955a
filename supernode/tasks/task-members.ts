import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Host } from "../scheduler/scheduler.ts";
import type { TaskOrigin } from "../seed/seed-request.ts";
import type { Holding } from "./join-request.ts";
import type { ProbeStream } from "./probe-stream.ts";

/** One join of a task, valid from the join to the leave or the abort. */
export interface TaskJoin {
  readonly node: ConnectedNode;
  /** The node's number for the task. */
  readonly number: number;
  readonly origin: TaskOrigin | undefined;
  readonly pieceLengthBytes: number | undefined;
  readonly holding: Holding | undefined;
  readonly stream: ProbeStream | undefined;
  /** Joins again from the beginning, because the content that the URL stood for has changed since. */
  readonly rejoin: (() => void) | undefined;
}

/** A node that takes part, by one join or, where it knows a task by two names, by several. */
export class TaskMember {
  readonly node: ConnectedNode;
  readonly joins = new Map<number, TaskJoin>();
  /** The joins that the answer has gone out for. */
  readonly answered = new Set<number>();

  constructor(node: ConnectedNode) {
    this.node = node;
  }

  /** Whether the node says that it holds every piece already. */
  get isFull(): boolean {
    return [...this.joins.values()].some(
      ({ holding }) => holding?.lengthBytes !== undefined && holding.have.isFull,
    );
  }
}

/** The nodes that take part in one task. */
export class TaskMembers {
  readonly #byHost = new Map<Host, TaskMember>();

  get size(): number {
    return this.#byHost.size;
  }

  /** A member's first number, by which frames that concern the node once are sent. */
  numberOf(host: Host): number | undefined {
    const numbers = this.#byHost.get(host)?.answered.values();
    return numbers?.next().value;
  }

  get(host: Host): TaskMember | undefined {
    return this.#byHost.get(host);
  }

  add(join: TaskJoin): TaskMember {
    const { host } = join.node;
    const member = this.#byHost.get(host) ?? new TaskMember(join.node);
    this.#byHost.set(host, member);
    member.joins.set(join.number, join);
    return member;
  }

  /** Takes one join away. Returns true when the node takes part no longer. */
  remove(node: ConnectedNode, number: number): boolean {
    const member = this.#byHost.get(node.host);
    if (!member?.joins.delete(number)) return false;
    member.answered.delete(number);
    if (member.joins.size > 0) return false;
    this.#byHost.delete(node.host);
    return true;
  }

  /** Every join, in the order of the nodes. The set may change while it is read. */
  *joins(): Generator<TaskJoin> {
    for (const member of [...this.#byHost.values()]) yield* [...member.joins.values()];
  }

  *[Symbol.iterator](): Generator<TaskMember> {
    yield* [...this.#byHost.values()];
  }

  /** Sends a frame to every join that was answered. */
  sendAll(frame: (number: number) => SupernodeFrame): void {
    for (const { node, answered } of this) {
      for (const number of answered) node.link.send(frame(number));
    }
  }
}
