import type { Action, EventQueue } from "./event-queue.ts";

/** A flow's rate follows what it may have only when that differs by more than this share. */
const TOLERANCE = 0.005;
const CABLES_MAX = 4;
const SIZE_MIN = 256;
const NONE = -1;

/** One direction of one link. */
export interface Cable {
  readonly id: number;
  /** Bytes per millisecond. */
  readonly rate: number;
}

/** A flow as the network numbers it; the number is used again when the flow is over. */
export type Flow = number;

/**
 * Flows that share cables max-min fairly: every cable is filled evenly up to what its flows get
 * elsewhere. Kept by relaxing the cables that a change touches, while it changes any rate by more
 * than the tolerance.
 *
 * A run has millions of flows, and what is scattered over memory is slow. So the facts of flows and
 * cables are in arrays of numbers, and the flows of a cable are a chain of nodes: node 4 f + i is
 * the place of flow f on the i-th cable of its path.
 */
export class FlowNetwork {
  readonly #events: EventQueue;
  readonly #due: Action;
  // Of cables.
  #cableCount = 0;
  #cableRates = new Float64Array(SIZE_MIN);
  /** What each flow may have here at most; Infinity while the cable is not full. */
  #shares = new Float64Array(SIZE_MIN);
  #bytes = new Float64Array(SIZE_MIN);
  #heads = new Int32Array(SIZE_MIN);
  #isDirty = new Uint8Array(SIZE_MIN);
  readonly #onRoom: ((() => void) | undefined)[] = [];
  // Of flows.
  #flowCount = 0;
  readonly #free: Flow[] = [];
  readonly #ended: ((() => void) | undefined)[] = [];
  #lengths = new Float64Array(SIZE_MIN);
  #remaining = new Float64Array(SIZE_MIN);
  #rates = new Float64Array(SIZE_MIN);
  /** When what remains was last reckoned. */
  #atMs = new Float64Array(SIZE_MIN);
  #plannedMs = new Float64Array(SIZE_MIN);
  // Of nodes.
  #cables = new Int32Array(CABLES_MAX * SIZE_MIN);
  #next = new Int32Array(CABLES_MAX * SIZE_MIN);
  #previous = new Int32Array(CABLES_MAX * SIZE_MIN);
  // For the moment.
  #limits = new Float64Array(SIZE_MIN);
  readonly #dirty: number[] = [];
  readonly #roomy: number[] = [];
  #isTelling = false;

  constructor(events: EventQueue) {
    this.#events = events;
    this.#due = (flow) => this.#arrive(flow);
  }

  /** Lays a cable that carries so many bytes per millisecond. */
  cable(rate: number): Cable {
    const id = this.#cableCount++;
    if (id === this.#heads.length) this.#widenCables();
    this.#cableRates[id] = rate;
    this.#shares[id] = Infinity;
    this.#heads[id] = NONE;
    return { id, rate };
  }

  /** Has this called when a flow that begins at the cable is slowed down elsewhere: there is room. */
  onRoom(cable: Cable, tell: (() => void) | undefined): void {
    this.#onRoom[cable.id] = tell;
  }

  /** Sends bytes over up to four cables, the first one being where they begin. */
  start(path: readonly Cable[], lengthBytes: number, ended: () => void): Flow {
    const flow = this.#free.pop() ?? this.#flowCount++;
    if (flow === this.#lengths.length) this.#widenFlows();
    this.#ended[flow] = ended;
    this.#lengths[flow] = lengthBytes;
    this.#remaining[flow] = lengthBytes;
    this.#rates[flow] = 0;
    this.#atMs[flow] = this.#events.nowMs;
    this.#plannedMs[flow] = Infinity;
    for (let i = 0; i < CABLES_MAX; i++) this.#lay(flow * CABLES_MAX + i, path[i]?.id ?? NONE);
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

  /** The ids of the cables of a running flow. */
  path(flow: Flow): readonly number[] {
    const nodes = this.#cables.subarray(flow * CABLES_MAX, (flow + 1) * CABLES_MAX);
    return [...nodes].filter((cable) => cable !== NONE);
  }

  /** The flows that use a cable. */
  flows(cable: Cable): readonly Flow[] {
    const flows: Flow[] = [];
    for (let node = this.#heads[cable.id]!; node !== NONE; node = this.#next[node]!) {
      flows.push(flowOf(node));
    }
    return flows;
  }

  /** Bytes that went through, of flows that are over. */
  bytes(cable: Cable): number {
    return this.#bytes[cable.id]!;
  }

  /** What the flows of a cable take together, in bytes per millisecond. */
  used(cable: Cable): number {
    let sum = 0;
    for (let node = this.#heads[cable.id]!; node !== NONE; node = this.#next[node]!) {
      sum += this.#rates[flowOf(node)]!;
    }
    return sum;
  }

  #lay(node: number, cable: number): void {
    this.#cables[node] = cable;
    if (cable === NONE) return;
    const head = this.#heads[cable]!;
    this.#next[node] = head;
    this.#previous[node] = NONE;
    if (head !== NONE) this.#previous[head] = node;
    this.#heads[cable] = node;
    this.#touch(cable);
  }

  #lift(node: number, cable: number): void {
    const next = this.#next[node]!;
    const previous = this.#previous[node]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[cable] = next;
    this.#touch(cable);
  }

  #remove(flow: Flow): void {
    const sentBytes = this.#lengths[flow]! - this.#remaining[flow]!;
    for (let node = flow * CABLES_MAX; node < (flow + 1) * CABLES_MAX; node++) {
      const cable = this.#cables[node]!;
      if (cable === NONE) break;
      this.#bytes[cable]! += sentBytes;
      this.#lift(node, cable);
    }
    this.#plannedMs[flow] = -1;
    this.#ended[flow] = undefined;
    this.#free.push(flow);
  }

  #touch(cable: number): void {
    if (this.#isDirty[cable] === 1) return;
    this.#isDirty[cable] = 1;
    this.#dirty.push(cable);
  }

  /** Brings all rates in line, then tells of room. More flows may be started in answer. */
  #settle(): void {
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) {
      this.#isDirty[dirty[i]!] = 0;
      this.#fill(dirty[i]!);
    }
    dirty.length = 0;
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let cable = this.#roomy.pop(); cable !== undefined; cable = this.#roomy.pop()) {
      this.#onRoom[cable]?.();
    }
    this.#isTelling = false;
  }

  #fill(cable: number): void {
    const next = this.#next;
    const cables = this.#cables;
    const shares = this.#shares;
    let limits = this.#limits;
    let count = 0;
    for (let node = this.#heads[cable]!; node !== NONE; node = next[node]!) {
      const first = node & -CABLES_MAX;
      let limit = Infinity;
      for (let i = first; i < first + CABLES_MAX && cables[i] !== NONE; i++) {
        if (i !== node && shares[cables[i]!]! < limit) limit = shares[cables[i]!]!;
      }
      if (count === limits.length) limits = this.#limits = widened(limits, 2 * count);
      limits[count++] = limit;
    }
    shares[cable] = level(this.#cableRates[cable]!, limits, count);
    for (let node = this.#heads[cable]!; node !== NONE; node = next[node]!) this.#follow(node);
  }

  /** Brings a flow's rate in line; the node is where it was changed. */
  #follow(node: number): void {
    const flow = flowOf(node);
    const first = node & -CABLES_MAX;
    const cables = this.#cables;
    let rate = Infinity;
    let whole = Infinity;
    for (let i = first; i < first + CABLES_MAX && cables[i] !== NONE; i++) {
      rate = Math.min(rate, this.#shares[cables[i]!]!);
      whole = Math.min(whole, this.#cableRates[cables[i]!]!);
    }
    if (rate === Infinity) rate = whole;
    const before = this.#rates[flow]!;
    if (Math.abs(rate - before) <= TOLERANCE * before) return;
    this.#advance(flow);
    this.#rates[flow] = rate;
    const endMs = this.#events.nowMs + this.#remaining[flow]! / rate;
    // A later end is found out when the planned one comes.
    if (endMs < this.#plannedMs[flow]!) this.#plan(flow, endMs);
    for (let i = first; i < first + CABLES_MAX && cables[i] !== NONE; i++) {
      if (i !== node) this.#touch(cables[i]!);
    }
    if (rate < before && this.#onRoom[cables[first]!] !== undefined) {
      this.#roomy.push(cables[first]!);
    }
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

  #widenCables(): void {
    const size = 2 * this.#heads.length;
    this.#cableRates = widened(this.#cableRates, size);
    this.#shares = widened(this.#shares, size);
    this.#bytes = widened(this.#bytes, size);
    this.#heads = widenedInts(this.#heads, size);
    const isDirty = new Uint8Array(size);
    isDirty.set(this.#isDirty);
    this.#isDirty = isDirty;
  }

  #widenFlows(): void {
    const size = 2 * this.#lengths.length;
    this.#lengths = widened(this.#lengths, size);
    this.#remaining = widened(this.#remaining, size);
    this.#rates = widened(this.#rates, size);
    this.#atMs = widened(this.#atMs, size);
    this.#plannedMs = widened(this.#plannedMs, size);
    this.#cables = widenedInts(this.#cables, CABLES_MAX * size);
    this.#next = widenedInts(this.#next, CABLES_MAX * size);
    this.#previous = widenedInts(this.#previous, CABLES_MAX * size);
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

function flowOf(node: number): Flow {
  return (node / CABLES_MAX) | 0;
}

function widened(values: Float64Array<ArrayBuffer>, size: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(size);
  next.set(values);
  return next;
}

function widenedInts(values: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(size);
  next.set(values);
  return next;
}
