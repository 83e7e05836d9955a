import { Worker } from "node:worker_threads";
import type { Log } from "../../platform/log.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import { PIECE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type {
  DownloadWorkerData,
  FetchedPiece,
  FetchLimits,
  FetchOrder,
  WorkerOrder,
  WorkerReply,
} from "./fetch-message.ts";
import { DEFAULT_FETCH_LIMITS } from "./fetch-message.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";
import { siblingModule } from "../../platform/sibling-module.ts";

/** One piece, or with a `range` header a part of one, to fetch. */
export interface PieceFetchRequest {
  readonly host: string;
  readonly port: number;
  /** As it goes into the request line: `/pieces/{task id}/{index}`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The file to write to; it must stay open until the promise settled. Undefined for bytes in memory:
   * for a piece that somebody else may be writing at the same time, or when there is no room on disk.
   */
  readonly fd: number | undefined;
  /** Where the first byte goes in the file. */
  readonly offsetBytes: number;
  /** The exact length of the answer. */
  readonly lengthBytes: number;
  /** Gets the bytes besides the file. It is not the caller's any more; the result has it, where there is one. */
  readonly buffer?: ArrayBuffer | undefined;
  /** Memory of the token bucket that limits its task. */
  readonly taskBucket?: SharedArrayBuffer | undefined;
}

/** A piece that came whole. Nobody has verified it yet. */
export type PieceFetchResult = FetchedPiece;

export interface PieceFetcherDeps {
  readonly log: Log;
  /** Limits all fetches together. */
  readonly bucket?: TokenBucket;
  /** Another download thread, for tests. */
  readonly workerUrl?: URL;
}

interface Pending {
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
  readonly resolve: (piece: FetchedPiece) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Fetches pieces from other nodes in a thread of its own, which receives, hashes and writes them; this
 * thread only sends orders. When the thread dies, its fetches are rejected and the next one starts a
 * new thread.
 */
export class PieceFetcher implements AsyncDisposable {
  readonly #log: Log;
  readonly #workerUrl: URL;
  readonly #limits: FetchLimits;
  readonly #bucket: TokenBucket;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #nextId = 1;
  #isClosed = false;

  constructor({ log, bucket, workerUrl }: PieceFetcherDeps, limits: Partial<FetchLimits> = {}) {
    this.#log = log;
    this.#workerUrl = workerUrl ?? siblingModule(import.meta.url, "download-worker");
    this.#limits = { ...DEFAULT_FETCH_LIMITS, ...limits };
    this.#bucket = bucket ?? new TokenBucket();
    // A thread takes some 20 ms to start: not on the way of the first piece.
    this.#worker = this.#start();
  }

  /** Fetches that wait or run. */
  get fetchCount(): number {
    return this.#pending.size;
  }

  /**
   * Fetches one piece. Rejects with PieceFetchError; whatever the outcome, nothing is written to `fd`
   * after the promise settled. The bytes are in the file before anybody verified them, so where two
   * fetches wrote to one place, the piece may be committed only after the other one settled and the
   * file was hashed again; a fetch without `fd` avoids that.
   */
  async fetch(request: PieceFetchRequest, signal: AbortSignal): Promise<PieceFetchResult> {
    const order = checkedOrder(request);
    if (signal.aborted || this.#isClosed) throw abortedError();
    const id = this.#nextId++;
    return await new Promise<FetchedPiece>((resolve, reject) => {
      const onAbort = (): void => this.#post({ kind: "abort", id });
      this.#pending.set(id, { signal, onAbort, resolve, reject });
      signal.addEventListener("abort", onAbort, { once: true });
      this.#worker ??= this.#start();
      this.#post({ kind: "fetch", id, order }, order.buffer ? [order.buffer] : []);
    });
  }

  /** Aborts every fetch and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #post(message: WorkerOrder, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #start(): Worker {
    const worker = new Worker(this.#workerUrl, { name: "download", workerData: this.#workerData });
    worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    worker.on("error", (error) => this.#log.error({ err: error }, "the download thread failed"));
    // Only when the thread is gone is it certain that it writes no more.
    worker.on("exit", () => this.#exited());
    return worker;
  }

  get #workerData(): DownloadWorkerData {
    return { limits: this.#limits, bucket: this.#bucket.memory };
  }

  #exited(): void {
    this.#worker = undefined;
    const error = this.#isClosed
      ? abortedError()
      : new PieceFetchError("internal", "The download thread died; try the piece again.");
    for (const id of this.#pending.keys()) this.#take(id)?.reject(error);
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#take(reply.id);
    if (pending === undefined) return;
    if (reply.kind === "failed") {
      pending.reject(new PieceFetchError(reply.reason, reply.message, reply.retryAfterMs));
    } else if (pending.signal.aborted) pending.reject(abortedError());
    else pending.resolve(reply.piece);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.signal.removeEventListener("abort", pending.onAbort);
    return pending;
  }
}

function abortedError(): PieceFetchError {
  return new PieceFetchError("aborted", "The fetch was aborted.");
}

/** Throws TypeError for a request that cannot be written as HTTP. */
function checkedOrder(request: PieceFetchRequest): FetchOrder {
  const { host, port, path, fd, offsetBytes, lengthBytes, buffer, taskBucket } = request;
  if (!/^\/[\x21-\x7e]*$/.test(path)) throw new TypeError("The path of a piece is malformed.");
  if (!(lengthBytes > 0 && (fd !== undefined || lengthBytes <= PIECE_LENGTH_BYTES_MAX))) {
    throw new TypeError(`A piece of ${lengthBytes} bytes cannot be fetched.`);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!/^[A-Za-z0-9-]+$/.test(name) || !/^[\x20-\x7e]*$/.test(value)) {
      throw new TypeError("A header of a piece request is malformed.");
    }
    headers[name.toLowerCase()] = value;
  }
  return { host, port, path, headers, fd, offsetBytes, lengthBytes, buffer, taskBucket };
}
