import type { Action, EventQueue } from "./event-queue.ts";

/** A flow's rate follows what it may have only when that differs by more than this share. */
const TOLERANCE = 0.005;
const SIZE_MIN = 256;

/** One direction of one link, with a rate in bytes per millisecond. */
export class Cable {
  readonly rate: number;
  /** The flows that use it. */
  readonly flows: number[] = [];
  /** What each flow may have here at most; Infinity while the cable is not full. */
  share = Infinity;
  /** Bytes that went through, of flows that are over. */
  bytes = 0;
  isDirty = false;
  /** Called when a flow that begins here was slowed down by another cable, so that there is room. */
  onRoom: (() => void) | undefined;

  constructor(rate: number) {
    this.rate = rate;
  }
}

/** A flow as the network numbers it; the number is used again when the flow is over. */
export type Flow = number;

/**
 * Flows that share cables max-min fairly: every cable is filled evenly up to what its flows get
 * elsewhere. Kept by relaxing the cables that a change touches, while it changes any rate by more
 * than the tolerance. Facts of a flow are in arrays side by side; a run has millions.
 */
export class FlowNetwork {
  readonly #events: EventQueue;
  readonly #paths: (readonly Cable[])[] = [];
  readonly #ended: ((() => void) | undefined)[] = [];
  readonly #free: Flow[] = [];
  #lengths = new Float64Array(SIZE_MIN);
  #remaining = new Float64Array(SIZE_MIN);
  #rates = new Float64Array(SIZE_MIN);
  /** When what remains was last reckoned. */
  #atMs = new Float64Array(SIZE_MIN);
  #plannedMs = new Float64Array(SIZE_MIN);
  #limits = new Float64Array(SIZE_MIN);
  readonly #dirty: Cable[] = [];
  readonly #roomy: Cable[] = [];
  #isTelling = false;
  readonly #due: Action;

  constructor(events: EventQueue) {
    this.#events = events;
    this.#due = (flow) => this.#arrive(flow);
  }

  /** Sends bytes over cables, the first one being where they begin. */
  start(path: readonly Cable[], lengthBytes: number, ended: () => void): Flow {
    const flow = this.#free.pop() ?? this.#paths.length;
    if (flow === this.#lengths.length) this.#widen();
    this.#paths[flow] = path;
    this.#ended[flow] = ended;
    this.#lengths[flow] = lengthBytes;
    this.#remaining[flow] = lengthBytes;
    this.#rates[flow] = 0;
    this.#atMs[flow] = this.#events.nowMs;
    this.#plannedMs[flow] = Infinity;
    for (const cable of path) {
      cable.flows.push(flow);
      this.#touch(cable);
    }
    this.#settle();
    return flow;
  }

  /** Ends a running flow early; `ended` is not called. */
  stop(flow: Flow): void {
    this.#advance(flow);
    this.#remove(flow);
    this.#settle();
  }

  /** Bytes per millisecond at present. */
  rate(flow: Flow): number {
    return this.#rates[flow]!;
  }

  /** The cables of a running flow. */
  path(flow: Flow): readonly Cable[] {
    return this.#paths[flow]!;
  }

  /** What the flows of a cable take together, in bytes per millisecond. */
  used(cable: Cable): number {
    let sum = 0;
    const { flows } = cable;
    for (let i = 0; i < flows.length; i++) sum += this.#rates[flows[i]!]!;
    return sum;
  }

  #remove(flow: Flow): void {
    const path = this.#paths[flow]!;
    const sentBytes = this.#lengths[flow]! - this.#remaining[flow]!;
    for (let i = 0; i < path.length; i++) {
      const cable = path[i]!;
      cable.bytes += sentBytes;
      const { flows } = cable;
      const last = flows.pop()!;
      if (last !== flow) flows[flows.indexOf(flow)] = last;
      this.#touch(cable);
    }
    this.#plannedMs[flow] = -1;
    this.#ended[flow] = undefined;
    this.#free.push(flow);
  }

  #touch(cable: Cable): void {
    if (cable.isDirty) return;
    cable.isDirty = true;
    this.#dirty.push(cable);
  }

  /** Brings all rates in line, then tells of room. More flows may be started in answer. */
  #settle(): void {
    this.#relax();
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let cable = this.#roomy.pop(); cable !== undefined; cable = this.#roomy.pop()) {
      cable.onRoom?.();
    }
    this.#isTelling = false;
  }

  #relax(): void {
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) {
      dirty[i]!.isDirty = false;
      this.#fill(dirty[i]!);
    }
    dirty.length = 0;
  }

  #fill(cable: Cable): void {
    const { flows } = cable;
    const count = flows.length;
    if (count > this.#limits.length) this.#limits = new Float64Array(2 * count);
    const limits = this.#limits;
    for (let i = 0; i < count; i++) {
      const path = this.#paths[flows[i]!]!;
      let limit = Infinity;
      for (let j = 0; j < path.length; j++) {
        const other = path[j]!;
        if (other !== cable && other.share < limit) limit = other.share;
      }
      limits[i] = limit;
    }
    cable.share = level(cable.rate, limits, count);
    for (let i = 0; i < count; i++) this.#follow(flows[i]!, cable);
  }

  #follow(flow: Flow, from: Cable): void {
    const path = this.#paths[flow]!;
    let rate = Infinity;
    for (let i = 0; i < path.length; i++) {
      const { share } = path[i]!;
      if (share < rate) rate = share;
    }
    if (rate === Infinity) for (const { rate: whole } of path) rate = Math.min(rate, whole);
    const before = this.#rates[flow]!;
    if (Math.abs(rate - before) <= TOLERANCE * before) return;
    this.#setRate(flow, rate);
    for (let i = 0; i < path.length; i++) if (path[i] !== from) this.#touch(path[i]!);
    if (rate < before && path[0]!.onRoom !== undefined) this.#roomy.push(path[0]!);
  }

  #setRate(flow: Flow, rate: number): void {
    this.#advance(flow);
    this.#rates[flow] = rate;
    const endMs = this.#events.nowMs + this.#remaining[flow]! / rate;
    // A later end is found out when the planned one comes.
    if (endMs < this.#plannedMs[flow]!) this.#plan(flow, endMs);
  }

  #plan(flow: Flow, endMs: number): void {
    this.#plannedMs[flow] = endMs;
    this.#events.at(endMs, this.#due, flow);
  }

  #arrive(flow: Flow): void {
    const { nowMs } = this.#events;
    if (this.#plannedMs[flow] !== nowMs) return;
    this.#advance(flow);
    if (this.#remaining[flow]! > 1e-6 * this.#lengths[flow]!) {
      this.#plan(flow, nowMs + this.#remaining[flow]! / this.#rates[flow]!);
      return;
    }
    this.#remaining[flow] = 0;
    const ended = this.#ended[flow]!;
    this.#remove(flow);
    this.#settle();
    ended();
  }

  #advance(flow: Flow): void {
    const { nowMs } = this.#events;
    const left = this.#remaining[flow]! - this.#rates[flow]! * (nowMs - this.#atMs[flow]!);
    this.#remaining[flow] = left > 0 ? left : 0;
    this.#atMs[flow] = nowMs;
  }

  #widen(): void {
    const size = 2 * this.#lengths.length;
    this.#lengths = widened(this.#lengths, size);
    this.#remaining = widened(this.#remaining, size);
    this.#rates = widened(this.#rates, size);
    this.#atMs = widened(this.#atMs, size);
    this.#plannedMs = widened(this.#plannedMs, size);
  }
}

/**
 * How high a cable is filled evenly when none of its flows takes more than its limit; Infinity when
 * all are limited elsewhere. Overwrites the limits.
 */
export function level(rate: number, limits: Float64Array, count: number): number {
  let left = rate;
  let open = count;
  while (open > 0) {
    const even = left / open;
    let kept = 0;
    for (let i = 0; i < open; i++) {
      const limit = limits[i]!;
      if (limit < even) left -= limit;
      else limits[kept++] = limit;
    }
    if (kept === open) return even;
    open = kept;
  }
  return Infinity;
}

function widened(values: Float64Array<ArrayBuffer>, size: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(size);
  next.set(values);
  return next;
}
