import { milliseconds, rounded, readResult } from "./bench-result.ts";
import type { ReadResult } from "./bench-result.ts";

/** What another way than Darter came to, in the same place with the same files. */
export interface ContenderOutcome {
  /** `direct`, or the name of another system. */
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What was written for it and what it was started with, by name. */
  readonly configuration: Readonly<Record<string, string>>;
  /** From the first host's beginning until the last one had everything. */
  readonly seconds: number;
  /** From each host's own beginning. */
  readonly hosts: readonly {
    readonly arrivalMs: number;
    readonly lastMs: number;
    /** How long each read took, where ranges were read. */
    readonly readSeconds?: readonly number[];
  }[];
  readonly originRequests: number;
  readonly originSentBytes: number;
}

/** The same as it stands in a result. */
export interface ContenderResult {
  readonly name: string;
  readonly last_s: number;
  readonly origin_requests: number;
  /** Sent by the origin, in relation to the bytes that each host wants. */
  readonly origin_bytes_ratio: number;
  readonly reads: ReadResult | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly configuration: Readonly<Record<string, string>>;
  readonly nodes: readonly {
    readonly arrival_s: number;
    readonly last_s: number;
    readonly read_ms?: readonly number[];
  }[];
}

export function contenderResult(outcome: ContenderOutcome, wantedBytes: number): ContenderResult {
  return {
    name: outcome.name,
    last_s: rounded(outcome.seconds),
    origin_requests: outcome.originRequests,
    origin_bytes_ratio: rounded(outcome.originSentBytes / wantedBytes),
    reads: readResult(outcome.hosts.flatMap(({ readSeconds = [] }) => readSeconds)),
    versions: outcome.versions,
    configuration: outcome.configuration,
    nodes: outcome.hosts.map(({ arrivalMs, lastMs, readSeconds }) => ({
      arrival_s: rounded(arrivalMs / 1000),
      last_s: rounded(lastMs / 1000),
      ...(readSeconds === undefined ? {} : { read_ms: readSeconds.map(milliseconds) }),
    })),
  };
}
