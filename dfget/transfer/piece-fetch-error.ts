/** Why a piece did not come. */
export type PieceFetchReason =
  /** No connection could be made. */
  | "refused"
  /** The connection broke before the piece was there, or the server had an inner error. */
  | "broken"
  /** 404 or 410: the task or the piece is not held there. */
  | "not-found"
  /** 503 or 429: no free slot; see {@link PieceFetchError.retryAfterMs}. */
  | "no-slot"
  /** Connecting, waiting for the answer or waiting for more of it took too long. */
  | "timeout"
  /** The answer is none that a piece server gives: another status, length or form. */
  | "protocol"
  /** The caller's signal, or the fetcher was closed. */
  | "aborted"
  /** The bytes could not be written; the disk may be full. */
  | "disk"
  /** A defect: the download thread died. A new one was started. */
  | "internal";

/** A piece could not be fetched. Nothing of it is written after this was thrown. */
export class PieceFetchError extends Error {
  override readonly name = "PieceFetchError";
  readonly reason: PieceFetchReason;
  /** From the Retry-After header of a 503 or 429, at most an hour. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: PieceFetchReason, message: string, retryAfterMs?: number) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}
