import type { Dispatcher } from "undici";

import { DIRECT_LENGTH_BYTES_MIN, DirectBody } from "./direct-body.ts";
import type { FillableBody } from "./fillable-body.ts";
import { IteratedBody } from "./fillable-body.ts";
import type { ReceiveBuffers } from "./receive-buffers.ts";

type Controller = Dispatcher.DispatchController;

/** A connection that can be received from directly, and how long the body is that it brings. */
export interface DirectWay {
  readonly connection: ReceiveBuffers;
  readonly lengthBytes: number;
}

/**
 * The body of one answer, handed out as it comes: the connection is not read on before the reader asks for the next
 * view, and a view is valid until then.
 */
export class OriginBody implements AsyncIterableIterator<Uint8Array>, FillableBody {
  readonly #controller: Controller;
  readonly #explain: (error: unknown) => unknown;
  readonly #waiting: Uint8Array[] = [];
  #isLent = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #way: DirectWay | undefined;
  #direct: DirectBody | undefined;
  #iterated: FillableBody | undefined;

  /** `explain` makes what reading throws out of what broke the connection; `way` is undefined where there is none. */
  constructor(
    controller: Controller,
    explain: (error: unknown) => unknown,
    way: DirectWay | undefined,
  ) {
    this.#controller = controller;
    this.#explain = explain;
    this.#way = way;
    controller.pause();
  }

  /** Takes a part from the connection. */
  push(chunk: Uint8Array): void {
    // Undici tells of nothing, too, where only the end of the connection ends the body.
    if (chunk.length === 0) return;
    this.#controller.pause();
    // At the end of a connection all that is left comes at once.
    const isFirst = !this.#isLent && this.#waiting.length === 0;
    this.#waiting.push(isFirst ? chunk : new Uint8Array(chunk));
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
    this.#direct?.fail(error);
  }

  /** Gives the rest up; harmless at the end. */
  dispose(): void {
    if (this.#hasEnded || this.#failure) return;
    const error = new Error("the answer was given up");
    this.fail(error);
    this.#controller.abort(error);
  }

  /** Not to be mixed with reading view by view. Long bodies come directly into `target` where they can. */
  async readInto(target: Uint8Array, onBytes: (lengthBytes: number) => void): Promise<number> {
    const direct = this.#direct ?? this.#goDirect();
    if (!direct) return await (this.#iterated ??= new IteratedBody(this)).readInto(target, onBytes);
    if (direct.isRead) return 0;
    try {
      if (this.#failure) throw this.#failure.error;
      return await direct.readInto(target, onBytes);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      // The connection stands behind the body, and whoever had it does not know.
      if (direct.isRead) this.dispose();
    }
  }

  #goDirect(): DirectBody | undefined {
    const way = this.#way;
    this.#way = undefined;
    const isBegun = this.#isLent || this.#waiting.length > 0 || this.#hasEnded;
    if (!way || isBegun || this.#failure || way.lengthBytes < DIRECT_LENGTH_BYTES_MIN) {
      return undefined;
    }
    return (this.#direct = new DirectBody(way.connection, way.lengthBytes));
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#way = undefined;
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
