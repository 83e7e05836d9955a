import type { EventQueue } from "./event-queue.ts";
import type { Cable, FlowNetwork } from "./flow-network.ts";

/** What messages leave and enter. */
export interface Station {
  /** A number of its own. */
  readonly host: number;
  readonly up: Cable;
  readonly down: Cable;
}

const PAIRS = 2 ** 21;

/**
 * Carries control messages. They take the delay of the way, and where links have queues they wait
 * behind the data: the longer the fuller the link is, at both ends. Between two hosts none overtakes
 * another.
 */
export class Wires {
  readonly #events: EventQueue;
  readonly #network: FlowNetwork;
  readonly #queueMs: number;
  /** When the last message from one host to another arrives. */
  readonly #lastMs = new Map<number, number>();

  constructor(events: EventQueue, network: FlowNetwork, queueMs: number) {
    this.#events = events;
    this.#network = network;
    this.#queueMs = queueMs;
  }

  /** Whether messages to different hosts take different times. */
  get hasQueues(): boolean {
    return this.#queueMs > 0;
  }

  /** Has something done when a message has come from one host to another. */
  carry(from: Station, to: Station, delayMs: number, arrived: () => void): void {
    if (this.#queueMs === 0) {
      this.#events.lane(delayMs).add(arrived);
      return;
    }
    const fullness = this.#fullness(from.up) + this.#fullness(to.down);
    const pair = (from.host + 1) * PAIRS + to.host + 1;
    const dueMs = this.#events.nowMs + delayMs + this.#queueMs * fullness;
    const atMs = Math.max(dueMs, this.#lastMs.get(pair) ?? 0);
    this.#lastMs.set(pair, atMs);
    this.#events.at(atMs, arrived);
  }

  /** From 0 to 1. */
  #fullness(cable: Cable): number {
    return Math.min(1, this.#network.used(cable) / cable.rate);
  }
}
