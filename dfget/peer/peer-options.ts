import type { Endpoint } from "../../protocol/endpoint.ts";
import type { OriginBook } from "../../platform/origin/origin-book.ts";
import type { RateLimitValues } from "./rate-limits.ts";

/** What a peer is started with. */
export interface PeerOptions {
  /** Where other nodes connect to; port 0 takes a free one. */
  readonly listen: Endpoint;
  /** What other nodes are told to connect to; where the peer listens when absent. */
  readonly advertise: Endpoint | undefined;
  /** Base URLs of supernodes, in order of preference. */
  readonly supernodeUrls: readonly string[];
  readonly dataDir: string;
  /** `region|zone|rack`, as free labels; may be empty. */
  readonly zone: string;
  /** The most bytes that the store may hold; 0 for no limit but the disk's. */
  readonly diskQuotaBytes: number;
  /** Addresses that may be read although they are loopback, link-local or the like. */
  readonly allowOrigins: readonly string[];
  /** What was said about single origins; nothing when absent. */
  readonly origins?: OriginBook;
  /** What the rates begin with; no limits when absent. */
  readonly limits?: RateLimitValues;
}

/** What a peer says of itself. */
export interface PeerStatus {
  readonly nodeId: string;
  readonly endpoint: Endpoint;
  /** The supernode connected to, if any. */
  readonly supernodeUrl: string | undefined;
  readonly taskCount: number;
  readonly neighbourCount: number;
  readonly storedBytes: number;
}
