import type { OriginCounts } from "./probe-stream.ts";

/** What one task cost so far; passed on to the figures of the whole process. */
export class TaskFigures implements OriginCounts {
  readonly #totals: OriginCounts;
  #originRequests = 0;
  #originBytes = 0;
  #seedBytes = 0;

  constructor(totals: OriginCounts) {
    this.#totals = totals;
  }

  originRequest(): void {
    this.#originRequests += 1;
    this.#totals.originRequest();
  }

  originBytes(lengthBytes: number): void {
    this.#originBytes += lengthBytes;
    this.#totals.originBytes(lengthBytes);
  }

  /** The seed has sent bytes of the task. */
  seedBytes(lengthBytes: number): void {
    this.#seedBytes += lengthBytes;
  }

  /** The figures as the API shows them. */
  get summary(): {
    readonly originRequests: number;
    readonly originBytes: number;
    readonly seedBytes: number;
  } {
    return {
      originRequests: this.#originRequests,
      originBytes: this.#originBytes,
      seedBytes: this.#seedBytes,
    };
  }
}
