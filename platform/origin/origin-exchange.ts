import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

import type { DirectWay } from "./origin-body.ts";
import { OriginBody } from "./origin-body.ts";
import type { RawResponse } from "./origin-dispatch.ts";
import { failureOfError } from "./origin-failure.ts";
import { ReceiveBuffers } from "./receive-buffers.ts";

type Controller = Dispatcher.DispatchController;

/** One request that undici carries out, and its answer. */
export class OriginExchange implements Dispatcher.DispatchHandler {
  /** Rejects with what broke the request. */
  readonly answered: Promise<RawResponse>;
  readonly #url: string;
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: RawResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onAbort = (): void => this.#giveUp();
  #controller: Controller | undefined;
  #body: OriginBody | undefined;

  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.#signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // It may have waited for a connection until then.
    if (this.#signal.aborted) this.#onAbort();
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    // What is only an interim answer is followed by the one that counts.
    if (status < 200) return;
    const body = new OriginBody(
      controller,
      (error) => {
        this.#signal.throwIfAborted();
        return failureOfError(error, this.#url).error;
      },
      directWay(headers),
    );
    this.#body = body;
    this.#resolve({
      status,
      headers,
      header(name) {
        const value = headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      finalUrl: this.#url,
      body,
      dispose: () => body.dispose(),
    });
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#over();
    this.#body?.end();
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#over();
    this.#body?.fail(error);
    this.#reject(error);
  }

  #giveUp(): void {
    const reason = reasonOf(this.#signal);
    this.#controller?.abort(reason);
    // Without one it waits for a connection, and undici tells nobody of its end before there is one.
    this.#reject(reason);
  }

  #over(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error("the request was given up");
}

/** Only a body as it is, of a length that is known, needs no parser. */
function directWay(headers: IncomingHttpHeaders): DirectWay | undefined {
  const connection = ReceiveBuffers.delivering;
  const length = headers["content-length"];
  const isPlain = headers["transfer-encoding"] === undefined && /^[0-9]{1,15}$/.test(length ?? "");
  return connection && isPlain ? { connection, lengthBytes: Number(length) } : undefined;
}
