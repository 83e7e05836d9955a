/** A task that simulated nodes take part in. */
export interface LoadTask {
  readonly taskId: string;
  /** Where the supernode reads it. */
  readonly url: string;
  readonly pieceCount: number;
  readonly pieceLengthBytes: number;
}

/** What the simulated nodes of a task hold together: a node gets from its neighbours only what one of them has from the seed. */
export class SimulatedTask {
  readonly spec: LoadTask;
  readonly #order: number[] = [];
  readonly #isThere: boolean[] = [];
  #failures = 0;

  constructor(spec: LoadTask) {
    this.spec = spec;
  }

  /** Fetches from the seed that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** A node has a piece from the seed. */
  arrived(piece: number): void {
    if (this.#isThere[piece] === true) return;
    this.#isThere[piece] = true;
    this.#order.push(piece);
  }

  /** A piece that was offered did not come. */
  failed(): void {
    this.#failures += 1;
  }

  /** The pieces that came first from the seed, at most `count` of them. */
  present(count: number): readonly number[] {
    return this.#order.slice(0, count);
  }
}
