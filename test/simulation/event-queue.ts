const FANOUT = 4;
const SIZE_MIN = 256;

/** What is done when its time has come; the number is the one that it was planned with. */
export type Action = (argument: number) => void;

/**
 * A virtual clock: what is planned for a time runs then, ties in the order of planning.
 *
 * A heap over arrays of numbers for arbitrary times, and lanes for what always takes equally long,
 * which is most of it: those are in order by themselves.
 */
export class EventQueue {
  nowMs = 0;
  /** Events run so far. */
  count = 0;
  /** How many have been planned; the number of the next one. */
  order = 0;
  #size = 0;
  #times = new Float64Array(SIZE_MIN);
  #orders = new Float64Array(SIZE_MIN);
  #slots = new Int32Array(SIZE_MIN);
  readonly #actions: (Action | undefined)[] = [];
  readonly #arguments: number[] = [];
  readonly #free: number[] = [];
  readonly #lanes: Lane[] = [];

  /** Events that have not run yet. */
  get size(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.size, this.#size);
  }

  /** Plans something for a time, now at the earliest. */
  at(atMs: number, action: Action, argument = 0): void {
    if (this.#size === this.#times.length) this.#widen();
    const slot = this.#free.pop() ?? this.#actions.length;
    this.#actions[slot] = action;
    this.#arguments[slot] = argument;
    this.#rise(atMs > this.nowMs ? atMs : this.nowMs, this.order++, slot);
  }

  after(delayMs: number, action: Action, argument = 0): void {
    this.at(this.nowMs + delayMs, action, argument);
  }

  /** The lane of what is planned for exactly this long from now. Only few delays should have one. */
  lane(delayMs: number): Lane {
    const known = this.#lanes.find((lane) => lane.delayMs === delayMs);
    if (known !== undefined) return known;
    const lane = new Lane(this, delayMs);
    this.#lanes.push(lane);
    return lane;
  }

  /** Runs the next event. False when there is none. */
  step(): boolean {
    let first: Lane | undefined;
    let atMs = this.#size > 0 ? this.#times[0]! : Infinity;
    let order = this.#orders[0]!;
    const lanes = this.#lanes;
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[i]!;
      if (lane.headMs > atMs || (lane.headMs === atMs && lane.headOrder > order)) continue;
      first = lane;
      atMs = lane.headMs;
      order = lane.headOrder;
    }
    if (atMs === Infinity) return false;
    this.nowMs = atMs;
    this.count += 1;
    if (first !== undefined) first.runHead();
    else this.#runTop();
    return true;
  }

  #runTop(): void {
    const slot = this.#slots[0]!;
    const action = this.#actions[slot]!;
    this.#actions[slot] = undefined;
    this.#free.push(slot);
    const last = --this.#size;
    if (last > 0) this.#sink(this.#times[last]!, this.#orders[last]!, this.#slots[last]!);
    action(this.#arguments[slot]!);
  }

  #rise(atMs: number, order: number, slot: number): void {
    const times = this.#times;
    let index = this.#size++;
    while (index > 0) {
      const above = ((index - 1) / FANOUT) | 0;
      // What is planned later has the higher number, so that among equal times it stays below.
      if (times[above]! <= atMs) break;
      this.#move(above, index);
      index = above;
    }
    this.#put(index, atMs, order, slot);
  }

  #sink(atMs: number, order: number, slot: number): void {
    const times = this.#times;
    const size = this.#size;
    let index = 0;
    for (;;) {
      const first = index * FANOUT + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + FANOUT, size);
      for (let below = first + 1; below < end; below++) {
        if (this.#isBefore(below, times[least]!, this.#orders[least]!)) least = below;
      }
      if (!this.#isBefore(least, atMs, order)) break;
      this.#move(least, index);
      index = least;
    }
    this.#put(index, atMs, order, slot);
  }

  #isBefore(index: number, atMs: number, order: number): boolean {
    const time = this.#times[index]!;
    return time < atMs || (time === atMs && this.#orders[index]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#slots[from]!);
  }

  #put(index: number, atMs: number, order: number, slot: number): void {
    this.#times[index] = atMs;
    this.#orders[index] = order;
    this.#slots[index] = slot;
  }

  #widen(): void {
    const size = this.#times.length * 2;
    const times = new Float64Array(size);
    const orders = new Float64Array(size);
    const slots = new Int32Array(size);
    times.set(this.#times);
    orders.set(this.#orders);
    slots.set(this.#slots);
    this.#times = times;
    this.#orders = orders;
    this.#slots = slots;
  }
}

/** Events that are all planned for the same time ahead, and so happen in the order of planning. */
export class Lane {
  readonly delayMs: number;
  /** When the next one is due, Infinity for none, and which number it has. */
  headMs = Infinity;
  headOrder = Infinity;
  readonly #queue: EventQueue;
  #head = 0;
  #size = 0;
  #times = new Float64Array(SIZE_MIN);
  #orders = new Float64Array(SIZE_MIN);
  #actions: (Action | undefined)[] = Array.from({ length: SIZE_MIN });
  #arguments = new Float64Array(SIZE_MIN);

  constructor(queue: EventQueue, delayMs: number) {
    this.#queue = queue;
    this.delayMs = delayMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Plans something for `delayMs` from now. */
  add(action: Action, argument = 0): void {
    if (this.#size === this.#times.length) this.#widen();
    const index = (this.#head + this.#size++) & (this.#times.length - 1);
    const atMs = this.#queue.nowMs + this.delayMs;
    const order = this.#queue.order++;
    this.#times[index] = atMs;
    this.#orders[index] = order;
    this.#actions[index] = action;
    this.#arguments[index] = argument;
    if (this.#size > 1) return;
    this.headMs = atMs;
    this.headOrder = order;
  }

  /** Runs the next one; there must be one. */
  runHead(): void {
    const index = this.#head;
    const action = this.#actions[index]!;
    this.#actions[index] = undefined;
    this.#size -= 1;
    this.#head = (index + 1) & (this.#times.length - 1);
    this.headMs = this.#size > 0 ? this.#times[this.#head]! : Infinity;
    this.headOrder = this.#size > 0 ? this.#orders[this.#head]! : Infinity;
    action(this.#arguments[index]!);
  }

  #widen(): void {
    const old = this.#times.length;
    const times = new Float64Array(2 * old);
    const orders = new Float64Array(2 * old);
    const args = new Float64Array(2 * old);
    const actions: (Action | undefined)[] = Array.from({ length: 2 * old });
    for (let i = 0; i < old; i++) {
      const from = (this.#head + i) & (old - 1);
      times[i] = this.#times[from]!;
      orders[i] = this.#orders[from]!;
      args[i] = this.#arguments[from]!;
      actions[i] = this.#actions[from];
    }
    this.#head = 0;
    this.#times = times;
    this.#orders = orders;
    this.#arguments = args;
    this.#actions = actions;
  }
}
