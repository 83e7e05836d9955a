import type { PieceFetchReason } from "./piece-fetch-error.ts";

/** Limits of the download thread; see {@link DEFAULT_FETCH_LIMITS}. */
export interface FetchLimits {
  /** Until the connection stands, name look-up included. */
  readonly connectTimeoutMs: number;
  /** From the request to the first byte of the answer; a server may hold it until the piece is there. */
  readonly firstByteTimeoutMs: number;
  /** Between two chunks of an answer. */
  readonly stallTimeoutMs: number;
  /** A piece that comes slower than this over all is given up. */
  readonly rateMinBytesPerSecond: number;
  /** Connections in use and idle ones, to one endpoint. Further fetches wait. */
  readonly connectionsPerEndpointMax: number;
  /** Connections in use and idle ones, to all. Further fetches wait. */
  readonly connectionsMax: number;
  /** An idle connection is closed after this; shorter than servers wait (node:http: 5 s). */
  readonly idleTimeoutMs: number;
  /** Fetches that wait or run; more are rejected. */
  readonly fetchesMax: number;
}

export const DEFAULT_FETCH_LIMITS: FetchLimits = {
  connectTimeoutMs: 5_000,
  firstByteTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
  rateMinBytesPerSecond: 32 * 1024,
  connectionsPerEndpointMax: 8,
  connectionsMax: 256,
  idleTimeoutMs: 4_000,
  fetchesMax: 4096,
};

/** One piece to fetch, as it goes to the download thread. */
export interface FetchOrder {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The file to write to; without one the bytes come back in memory. */
  readonly fd: number | undefined;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Gets the bytes besides the file, and comes back with them. */
  readonly buffer?: ArrayBuffer | undefined;
  /** Memory of the token bucket of its task; undefined where only the limit of the thread counts. */
  readonly taskBucket?: SharedArrayBuffer | undefined;
}

/** What the download thread is started with. */
export interface DownloadWorkerData {
  readonly limits: FetchLimits;
  /** Memory of the token bucket that all fetches share. */
  readonly bucket: SharedArrayBuffer;
}

/** A piece that came. */
export interface FetchedPiece {
  readonly sha256: Uint8Array;
  /** The certificate header, not verified; undefined when absent or malformed. */
  readonly certificate: Uint8Array | undefined;
  /** From the request's sending to the last byte. */
  readonly durationMs: number;
  /** The bytes, when no file was given, or a buffer for them. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** To the download thread. */
export type WorkerOrder =
  | { readonly kind: "fetch"; readonly id: number; readonly order: FetchOrder }
  | { readonly kind: "abort"; readonly id: number };

/** From the download thread: every fetch is answered exactly once. */
export type WorkerReply =
  | { readonly kind: "fetched"; readonly id: number; readonly piece: FetchedPiece }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly reason: PieceFetchReason;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    };
