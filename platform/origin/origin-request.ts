import type { FillableBody } from "./fillable-body.ts";

/** A request to an origin. */
export interface OriginRequest {
  readonly method: "GET" | "HEAD";
  /** Absolute, http or https; a user and password in it are sent as Basic credentials. */
  readonly url: string;
  /** What the caller sends along. Some of it may be credentials, so it goes to the host of `url` only. */
  readonly headers: ReadonlyMap<string, string>;
  /** The part that is wanted; to the end when `lastByte` is absent. */
  readonly range?: { readonly firstByte: number; readonly lastByte?: number | undefined };
  /** The validator under which `range` holds, see RFC 9110, 13.1.5. */
  readonly ifRange?: string | undefined;
  /** Whether an overloaded or failing origin is asked again. Connections are tried again in any case. */
  readonly isAnswerFinal?: boolean;
  /** Called before each attempt that goes out. */
  readonly onAttempt?: () => void;
}

/** An answer whose status is 200, 203 or 206. */
export interface OriginResponse {
  readonly status: number;
  /** A header by its lower-case name; of several the first. */
  header(name: string): string | undefined;
  /** Where the content was found after all redirects. May hold secrets in its query. */
  readonly finalUrl: string;
  /**
   * The body, once. Reading it throws ProtocolError ORIGIN_FAILED when it breaks off or stalls, or the reason
   * of the request's signal.
   */
  readonly body: AsyncIterable<Uint8Array> & Partial<FillableBody>;
  /** Gives up the body; harmless when it was read to its end. */
  dispose(): void;
}

/** Gets an answer. The signal also ends the reading of the body. */
export type OriginFetch = (request: OriginRequest, signal: AbortSignal) => Promise<OriginResponse>;
