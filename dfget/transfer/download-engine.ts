import { TokenBucket } from "../../platform/token-bucket.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { FetchedPiece, FetchLimits, FetchOrder } from "./fetch-message.ts";
import type { FetchJob } from "./piece-connection.ts";
import { PieceConnection } from "./piece-connection.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";

/** Told once for each fetch how it ended. */
export type FetchDone = (id: number, result: FetchedPiece | PieceFetchError) => void;

interface EndpointPool {
  /** The last one used comes first: the others may go idle for good. */
  readonly idle: PieceConnection[];
  connectionCount: number;
}

/** Runs fetches over kept-alive connections, each at most one at a time, within the limits. */
export class DownloadEngine {
  readonly #limits: FetchLimits;
  readonly #bucket: TokenBucket;
  readonly #done: FetchDone;
  readonly #endpoints = new Map<string, EndpointPool>();
  readonly #waiting = new Map<number, FetchJob>();
  readonly #running = new Map<number, PieceConnection>();
  #connectionCount = 0;

  /** `bucket` limits all fetches together. */
  constructor(limits: FetchLimits, bucket: TokenBucket, done: FetchDone) {
    this.#limits = limits;
    this.#bucket = bucket;
    this.#done = done;
  }

  /** Starts a fetch, or lets it wait for a connection. */
  fetch(id: number, order: FetchOrder): void {
    if (this.#waiting.size + this.#running.size >= this.#limits.fetchesMax) {
      const message = `More than ${this.#limits.fetchesMax} pieces are being fetched.`;
      this.#done(id, new PieceFetchError("refused", message));
      return;
    }
    this.#run({ id, order, isRetried: false });
  }

  /** Ends a fetch: when this returns nothing of it is written any more and its end was told. */
  abort(id: number): void {
    if (this.#waiting.delete(id)) {
      this.#done(id, new PieceFetchError("aborted", "The fetch was aborted."));
    } else this.#running.get(id)?.abort();
  }

  #run(job: FetchJob): void {
    const connection = this.#connectionFor(job);
    if (connection === undefined) {
      this.#waiting.set(job.id, job);
      return;
    }
    this.#running.set(job.id, connection);
    connection.start(job);
  }

  #connectionFor(job: FetchJob): PieceConnection | undefined {
    const { host, port } = job.order;
    const endpoint = formatEndpoint({ host, port });
    const pool = this.#endpoints.get(endpoint) ?? { idle: [], connectionCount: 0 };
    const isEven = this.#isLimited(job);
    if (!job.isRetried) {
      const idle = pool.idle.pop();
      if (idle && (idle.isEven || !isEven)) return idle;
      idle?.close();
    }
    if (pool.connectionCount >= this.#limits.connectionsPerEndpointMax) {
      // Only idle connections that the retried job must not use can stand in the way here.
      pool.idle.pop()?.close();
      return undefined;
    }
    if (this.#connectionCount >= this.#limits.connectionsMax) {
      this.#closeOneIdle();
      return undefined;
    }
    pool.connectionCount += 1;
    this.#connectionCount += 1;
    this.#endpoints.set(endpoint, pool);
    const parts = { limits: this.#limits, bucket: this.#bucket, isEven };
    return new PieceConnection(host, port, parts, {
      done: (job, result) => {
        this.#running.delete(job.id);
        this.#done(job.id, result);
      },
      again: (job) => {
        this.#running.delete(job.id);
        this.#run(job);
      },
      free: (connection) => {
        pool.idle.push(connection);
        this.#runWaiting();
      },
      closed: (connection) => {
        const index = pool.idle.indexOf(connection);
        if (index >= 0) pool.idle.splice(index, 1);
        pool.connectionCount -= 1;
        this.#connectionCount -= 1;
        if (pool.connectionCount === 0) this.#endpoints.delete(endpoint);
        this.#runWaiting();
      },
    });
  }

  /** Makes room for another endpoint; the waiting fetch starts when the connection is closed. */
  #closeOneIdle(): void {
    for (const pool of this.#endpoints.values()) {
      const connection = pool.idle.shift();
      if (connection !== undefined) {
        connection.close();
        return;
      }
    }
  }

  #runWaiting(): void {
    for (const job of this.#waiting.values()) {
      if (!this.#canRun(job)) continue;
      this.#waiting.delete(job.id);
      this.#run(job);
      return;
    }
    if (this.#waiting.size > 0 && this.#connectionCount >= this.#limits.connectionsMax) {
      this.#closeOneIdle();
    }
  }

  #canRun({ order, isRetried }: FetchJob): boolean {
    const pool = this.#endpoints.get(formatEndpoint(order));
    if (!isRetried && pool !== undefined && pool.idle.length > 0) return true;
    const isEndpointFree = (pool?.connectionCount ?? 0) < this.#limits.connectionsPerEndpointMax;
    return isEndpointFree && this.#connectionCount < this.#limits.connectionsMax;
  }

  #isLimited({ order: { taskBucket } }: FetchJob): boolean {
    if (this.#bucket.bytesPerSecond > 0) return true;
    return taskBucket !== undefined && new TokenBucket(taskBucket).bytesPerSecond > 0;
  }
}
