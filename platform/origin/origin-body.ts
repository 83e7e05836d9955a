import type { Dispatcher } from "undici";

type Controller = Dispatcher.DispatchController;

/**
 * The body of one answer, handed out as it comes: the connection is not read on before the reader asks for the next
 * view, and a view is valid until then.
 */
export class OriginBody implements AsyncIterableIterator<Uint8Array> {
  readonly #controller: Controller;
  readonly #explain: (error: unknown) => unknown;
  readonly #waiting: Uint8Array[] = [];
  #isLent = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** `explain` makes what reading throws out of what broke the connection. */
  constructor(controller: Controller, explain: (error: unknown) => unknown) {
    this.#controller = controller;
    this.#explain = explain;
    controller.pause();
  }

  /** Takes a part from the connection. */
  push(chunk: Uint8Array): void {
    // Undici tells of nothing, too, where only the end of the connection ends the body.
    if (chunk.length === 0) return;
    this.#controller.pause();
    // At the end of a connection all that is left comes at once.
    const isFirst = !this.#isLent && this.#waiting.length === 0;
    this.#waiting.push(isFirst ? chunk : Uint8Array.from(chunk));
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** Gives the rest up; harmless at the end. */
  dispose(): void {
    if (this.#hasEnded || this.#failure) return;
    const error = new Error("the answer was given up");
    this.fail(error);
    this.#controller.abort(error);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isLent = false;
    for (;;) {
      const value = this.#waiting.shift();
      if (value !== undefined) {
        this.#isLent = true;
        return { value, done: false };
      }
      if (this.#hasEnded) return { value: undefined, done: true };
      if (this.#failure) throw this.#explain(this.#failure.error);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      // What the connection has already may come at once.
      this.#controller.resume();
      await promise;
      this.#wake = undefined;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.dispose();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
