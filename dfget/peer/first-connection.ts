import type { Clock } from "../../platform/clock.ts";

/** How long a request waits for the first connection to a supernode before it goes to the origin. */
const FIRST_CONNECTION_MS_MAX = 2000;

/** The first connection of a node to a supernode, which is still being made right after the start. */
export class FirstConnection {
  readonly #isExpected: boolean;
  readonly #isConnected: () => boolean;
  readonly #clock: Clock;
  readonly #deadlineMs: number;

  /** Made when the node starts; `isExpected` where it has supernodes. */
  constructor(isExpected: boolean, isConnected: () => boolean, clock: Clock) {
    this.#isExpected = isExpected;
    this.#isConnected = isConnected;
    this.#clock = clock;
    this.#deadlineMs = clock.nowMs() + FIRST_CONNECTION_MS_MAX;
  }

  /** Waits for it a moment; resolves to whether there is one now. Throws the signal's reason. */
  async made(signal: AbortSignal): Promise<boolean> {
    while (this.#isExpected && !this.#isConnected() && this.#clock.nowMs() < this.#deadlineMs) {
      await this.#clock.sleep(10, signal);
    }
    return this.#isConnected();
  }
}
