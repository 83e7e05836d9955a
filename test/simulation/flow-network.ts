import type { EventQueue } from "./event-queue.ts";

const TOLERANCE = 0.01;
const RELAXATIONS_MAX = 400;

/** One direction of one cable, with a rate in bytes per millisecond. */
export class Cable {
  readonly rate: number;
  readonly flows: Flow[] = [];
  /** What each flow may have here at most; Infinity while the cable is not full. */
  share = Infinity;
  bytes = 0;
  isDirty = false;

  constructor(rate: number) {
    this.rate = rate;
  }

  /** What the flows take together. */
  get used(): number {
    let sum = 0;
    for (const flow of this.flows) sum += flow.rate;
    return sum;
  }
}

/** Bytes on their way over some cables. */
export class Flow {
  readonly cables: readonly Cable[];
  readonly lengthBytes: number;
  readonly ended: () => void;
  remaining: number;
  rate = 0;
  atMs = 0;
  plannedMs = Infinity;
  version = 0;
  isOver = false;

  constructor(cables: readonly Cable[], lengthBytes: number, ended: () => void) {
    this.cables = cables;
    this.lengthBytes = lengthBytes;
    this.remaining = lengthBytes;
    this.ended = ended;
  }
}

/**
 * Flows that share cables max-min fairly: every cable is filled evenly up to what its flows get
 * elsewhere. Kept by relaxing the cables that a change touches, while it changes anything by more
 * than a hundredth.
 */
export class FlowNetwork {
  readonly #events: EventQueue;
  readonly #dirty: Cable[] = [];
  readonly #limits: number[] = [];
  readonly #slower = new Set<Cable>();
  /** Called with a cable whose flows were slowed down. */
  slowed: (cable: Cable) => void = () => {};

  constructor(events: EventQueue) {
    this.#events = events;
  }

  start(cables: readonly Cable[], lengthBytes: number, ended: () => void): Flow {
    const flow = new Flow(cables, lengthBytes, ended);
    flow.atMs = this.#events.nowMs;
    for (const cable of cables) {
      cable.flows.push(flow);
      this.#touch(cable);
    }
    this.#relax();
    if (flow.rate === 0) this.#setRate(flow, Math.min(...cables.map((cable) => cable.rate)));
    this.#tellSlower();
    return flow;
  }

  /** Ends a flow early; `ended` is not called. */
  stop(flow: Flow): void {
    if (flow.isOver) return;
    this.#advance(flow);
    for (const cable of flow.cables) cable.bytes += flow.lengthBytes - flow.remaining;
    this.#remove(flow);
  }

  /** Makes a flow stand still where it is; it keeps its place until it is stopped. */
  freeze(flow: Flow): void {
    if (flow.isOver) return;
    this.#advance(flow);
    for (const cable of flow.cables) cable.bytes += flow.lengthBytes - flow.remaining;
    this.#remove(flow);
  }

  #remove(flow: Flow): void {
    flow.isOver = true;
    flow.version += 1;
    for (const cable of flow.cables) {
      const index = cable.flows.indexOf(flow);
      cable.flows[index] = cable.flows.at(-1)!;
      cable.flows.pop();
      this.#touch(cable);
    }
    this.#relax();
    this.#tellSlower();
  }

  /** Not before the cables are settled, because more flows may be started in answer. */
  #tellSlower(): void {
    for (const cable of this.#slower) {
      this.#slower.delete(cable);
      this.slowed(cable);
    }
  }

  #touch(cable: Cable): void {
    if (cable.isDirty) return;
    cable.isDirty = true;
    this.#dirty.push(cable);
  }

  #relax(): void {
    for (let i = 0; i < RELAXATIONS_MAX && i < this.#dirty.length; i++) {
      const cable = this.#dirty[i]!;
      cable.isDirty = false;
      this.#fill(cable);
    }
    for (const cable of this.#dirty) cable.isDirty = false;
    this.#dirty.length = 0;
  }

  #fill(cable: Cable): void {
    const { flows } = cable;
    const limits = this.#limits;
    limits.length = flows.length;
    for (let i = 0; i < flows.length; i++) {
      let limit = Infinity;
      for (const other of flows[i]!.cables) {
        if (other !== cable && other.share < limit) limit = other.share;
      }
      limits[i] = limit;
    }
    limits.sort((a, b) => a - b);
    let left = cable.rate;
    let share = Infinity;
    for (let i = 0; i < limits.length; i++) {
      const even = left / (limits.length - i);
      if (limits[i]! >= even) {
        share = even;
        break;
      }
      left -= limits[i]!;
    }
    cable.share = share;
    for (const flow of flows) this.#follow(flow, cable);
  }

  #follow(flow: Flow, from: Cable): void {
    let rate = Infinity;
    for (const cable of flow.cables) if (cable.share < rate) rate = cable.share;
    if (rate === Infinity) {
      for (const cable of flow.cables) rate = Math.min(rate, cable.rate / cable.flows.length);
    }
    if (Math.abs(rate - flow.rate) <= TOLERANCE * flow.rate) return;
    const isSlower = rate < flow.rate;
    this.#setRate(flow, rate);
    for (const cable of flow.cables) if (cable !== from) this.#touch(cable);
    if (isSlower) this.#slower.add(flow.cables[0]!);
  }

  #setRate(flow: Flow, rate: number): void {
    this.#advance(flow);
    flow.rate = rate;
    const endMs = this.#events.nowMs + flow.remaining / rate;
    // A later end is found out when the planned one comes.
    if (endMs < flow.plannedMs) this.#plan(flow, endMs);
  }

  #plan(flow: Flow, endMs: number): void {
    flow.plannedMs = endMs;
    flow.version += 1;
    const { version } = flow;
    this.#events.at(endMs, () => {
      if (flow.isOver || flow.version !== version) return;
      this.#advance(flow);
      if (flow.remaining > 1e-6 * flow.lengthBytes) {
        this.#plan(flow, this.#events.nowMs + flow.remaining / flow.rate);
        return;
      }
      for (const cable of flow.cables) cable.bytes += flow.lengthBytes;
      this.#remove(flow);
      flow.ended();
    });
  }

  #advance(flow: Flow): void {
    const { nowMs } = this.#events;
    flow.remaining = Math.max(0, flow.remaining - flow.rate * (nowMs - flow.atMs));
    flow.atMs = nowMs;
  }
}
