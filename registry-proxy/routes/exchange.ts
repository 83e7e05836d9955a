import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

import type { ByteSource } from "../../dfget/peer/open-task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { RouteName } from "./registry-request.ts";

/** How long a client may take to read what is left when its answer has to be broken off. */
const FAREWELL_MS_MAX = 5000;

/** How an exchange ended. */
export type Outcome = "complete" | "client left" | "given up";

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the client leaves or the process must stop. */
  readonly signal: AbortSignal;
  route: RouteName = "other";
  /** Where the answer's bytes come from, if they are content. */
  source: ByteSource | undefined;
  /** What a client that must log in is told, in place of what its registry says. */
  challenge: string | undefined;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  #openedMs: number | undefined;
  #firstByteMs: number | undefined;
  #sentBytes = 0;
  #isGivenUp = false;
  #hasClientLeft = false;

  /** `stop` aborts when running answers have to be given up. */
  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock, stop: AbortSignal) {
    this.request = request;
    this.response = response;
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.signal = this.#abort.signal;
    const onStop = (): void => this.#abort.abort(stop.reason);
    if (stop.aborted) onStop();
    else stop.addEventListener("abort", onStop, { once: true });
    response.once("close", () => {
      stop.removeEventListener("abort", onStop);
      if (!response.writableFinished) this.#clientLeft();
    });
  }

  /** Whether the client is gone, so that nothing can be sent to it. */
  get hasClientLeft(): boolean {
    return this.#hasClientLeft;
  }

  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  /** A header of the request by its lower-case name. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** Whether the status was sent, so that it can no longer tell of an error. */
  get hasBegun(): boolean {
    return this.response.headersSent;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Milliseconds from the request to the first byte of the body; undefined when there was none. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs;
  }

  get durationMs(): number {
    return this.#clock.nowMs() - this.#startedMs;
  }

  get outcome(): Outcome {
    if (this.#isGivenUp) return "given up";
    return this.response.writableFinished ? "complete" : "client left";
  }

  /** Notes, for Server-Timing, that it is known now where the content comes from. */
  markOpened(source: ByteSource): void {
    this.source = source;
    this.#openedMs ??= this.durationMs;
  }

  /** Sends status and headers, with those about source and timing that every answer has. */
  begin(status: number, headers: OutgoingHttpHeaders): void {
    const timings = [
      ...(this.#openedMs === undefined ? [] : [`open;dur=${this.#openedMs.toFixed(1)}`]),
      `first-byte;dur=${this.durationMs.toFixed(1)}`,
    ];
    this.response.writeHead(status, {
      // What the proxy passes on keeps its own.
      "server-timing": timings.join(", "),
      ...headers,
      ...(this.route === "proxy" ? {} : { "docker-distribution-api-version": "registry/2.0" }),
      ...(this.source === undefined ? {} : { "x-darter-source": this.source }),
    });
  }

  /**
   * Sends bytes of the body; resolves when they have left, so that the view may be used again. Rejects when
   * the client has left, and before anything is sent with the signal's reason.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const { signal, response } = this;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      // Not the signal: as long as the client is there, the view may still be on its way to it.
      const onClose = (): void => reject(new Error("the client has left"));
      response.once("close", onClose);
      response.write(bytes, (error) => {
        response.off("close", onClose);
        if (!error) return resolve();
        this.#clientLeft();
        reject(error);
      });
    });
    this.#firstByteMs ??= this.durationMs;
    this.#sentBytes += bytes.length;
  }

  /** Ends an answer, all of whose bytes were written. */
  end(): void {
    this.response.end();
  }

  /** Sends a whole answer at once; to HEAD only its head. */
  send(status: number, headers: OutgoingHttpHeaders, body: Uint8Array | string = ""): void {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    this.begin(status, { "content-length": bytes.length, ...headers });
    if (this.isHead) {
      this.response.end();
      return;
    }
    this.#firstByteMs ??= this.durationMs;
    this.#sentBytes += bytes.length;
    this.response.end(bytes);
  }

  /**
   * Breaks off an answer that has begun. What was written is still sent, and the connection ends with FIN:
   * runtimes then ask for the rest, but after a reset they fail.
   */
  giveUp(): void {
    this.#isGivenUp = true;
    const { socket } = this.response;
    if (!socket) {
      this.response.destroy();
      return;
    }
    socket.destroySoon();
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS_MAX);
    socket.once("close", () => clearTimeout(timer));
  }

  #clientLeft(): void {
    this.#hasClientLeft = true;
    this.#abort.abort(new Error("the client has left"));
  }
}
