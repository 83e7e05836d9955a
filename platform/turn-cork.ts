import type { Writable } from "node:stream";

/**
 * Lets what is written to a connection in one turn of the event loop leave in one go: to hand a few bytes to the system costs as
 * much as many, and wakes the other side each time.
 */
export class TurnCork {
  readonly #stream: Writable;
  #isCorked = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Called before each write: it waits for the end of the turn. */
  hold(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#stream.uncork();
    });
  }
}
