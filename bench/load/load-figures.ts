import type { LatencyFigures } from "./latencies.ts";

/** What a server used. CPU is a share of one core; delays are those of its event loop. Megabytes are 10^6 bytes. */
export interface UseFigures {
  readonly cpu_fraction: number;
  readonly rss_mb: number;
  readonly loop_delay_p99_ms: number;
}

/** What the driver used; when it is near a whole core, it measured itself. */
export interface DriverFigures {
  readonly driver_cpu_fraction: number;
  readonly driver_loop_delay_p99_ms: number;
}

/** Nodes that are connected and do nothing but answer heartbeats. */
export interface IdleFigures extends UseFigures {
  readonly nodes: number;
  /** Above what the supernode takes without nodes. */
  readonly kb_per_node: number;
  readonly cpu_s: number;
  readonly connects_per_s: number;
}

/** Joins of one task, at a fixed rate. Latencies count from the moment when a join was due. */
export interface JoinFigures extends UseFigures, LatencyFigures, DriverFigures {
  readonly per_s: number;
  readonly joins: number;
  readonly unanswered: number;
  readonly cpu_s: number;
}

/** Where joins become slow. */
export interface RampFigures {
  /** The highest rate whose p99 was at most `limit_ms`; null when the lowest was above it. */
  readonly knee_per_s: number | null;
  readonly knee_p99_ms: number | null;
  /** The first rate above it; null when the nodes did not suffice to get there. */
  readonly beyond_per_s: number | null;
  readonly beyond_p99_ms: number | null;
  readonly limit_ms: number;
  readonly steps: readonly JoinFigures[];
}

/** Nodes that download all the time and say every second what they hold. */
export interface ActiveFigures extends UseFigures, DriverFigures {
  readonly peers: number;
  readonly tasks: number;
  readonly cpu_s: number;
  /** Frames both ways. */
  readonly frames_per_s: number;
  readonly downloads_per_s: number;
  readonly stalled: number;
}

/** One route of a server. Cold: each content once, which nobody has asked for before. Warm: one path again and again. */
export interface RouteFigures extends UseFigures, LatencyFigures {
  readonly server: "supernode" | "proxy";
  readonly route: string;
  readonly state: "cold" | "warm";
  readonly requests: number;
  /** Failed, or answered with another status than they should be. */
  readonly unexpected: number;
  readonly rps: number;
  readonly mb_per_s: number;
  readonly cpu_s: number;
}

/** The routes of the proxy that pulls are made of, warm. */
export interface ProxyFigures {
  readonly manifest_rps: number;
  readonly manifest_p99_ms: number;
  readonly blob_rps: number;
  readonly blob_p99_ms: number;
  readonly range_mb_per_s: number;
}

/** What `bench:load` measures; null for parts that were not asked for. */
export interface LoadFigures {
  /** With the most nodes. */
  readonly idle: IdleFigures | null;
  readonly idle_steps: readonly IdleFigures[];
  readonly joins: JoinFigures | null;
  readonly ramp: RampFigures | null;
  readonly active: ActiveFigures | null;
  readonly proxy: ProxyFigures | null;
  readonly routes: readonly RouteFigures[];
}

/** What the figures were computed of. */
export interface LoadSamples {
  /** Latencies of the joins at the fixed rate, of each crowd in the order of the answers. */
  joins_ms: readonly (readonly number[])[];
  /** Requests answered in each second, by server and route. */
  route_requests_of_seconds: Record<string, readonly number[]>;
}

/** To four digits that count, so that JSON stays readable. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The same figures, each rounded. */
export function roundedFigures<T extends object>(figures: T): T {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === "number" && !Number.isInteger(value) ? rounded(value) : (value as unknown),
    ]),
  ) as T;
}
