import type { Registry } from "prom-client";
import { Counter, Gauge, Histogram } from "prom-client";

import type { Exchange } from "./routes/exchange.ts";

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];

/** What the mirror counts. Every label has few values: no name, tag, digest or address is one. */
export class MirrorMetrics {
  /** Tags answered by what their registry said earlier, because it could not be asked. */
  readonly staleTags: Counter;
  /** Requests that went to the registry because the swarm could not serve. */
  readonly detours: Counter<"code">;
  /** What clients of the proxy asked for by CONNECT. */
  readonly tunnels: Counter<"kind">;
  readonly #requests: Counter<"route" | "status" | "source">;
  readonly #sentBytes: Counter<"route" | "source">;
  readonly #brokenBodies: Counter<"outcome">;
  readonly #durations: Histogram<"route">;
  readonly #firstBytes: Histogram<"route">;
  readonly #running: Gauge;

  constructor(register: Registry) {
    const registers = [register];
    this.staleTags = new Counter({
      name: "registry_proxy_stale_tags_total",
      help: "Tags answered from memory because their registry could not be asked.",
      registers,
    });
    this.detours = new Counter({
      name: "registry_proxy_detours_total",
      help: "Contents read from their registry because the swarm could not serve, by error code.",
      labelNames: ["code"],
      registers,
    });
    this.tunnels = new Counter({
      name: "registry_proxy_tunnels_total",
      help: "CONNECT requests: passed through, opened because the host is listed, or refused.",
      labelNames: ["kind"],
      registers,
    });
    this.#requests = new Counter({
      name: "registry_proxy_requests_total",
      help: "Requests answered, by route, class of status and source of the bytes.",
      labelNames: ["route", "status", "source"],
      registers,
    });
    this.#sentBytes = new Counter({
      name: "registry_proxy_sent_bytes_total",
      help: "Bytes of bodies sent to clients.",
      labelNames: ["route", "source"],
      registers,
    });
    this.#brokenBodies = new Counter({
      name: "registry_proxy_broken_answers_total",
      help: "Answers that did not reach their end, by whose doing.",
      labelNames: ["outcome"],
      registers,
    });
    this.#durations = new Histogram({
      name: "registry_proxy_request_duration_seconds",
      help: "From the request to the last byte of its answer.",
      labelNames: ["route"],
      buckets: SECONDS,
      registers,
    });
    this.#firstBytes = new Histogram({
      name: "registry_proxy_first_byte_seconds",
      help: "From the request to the first byte of its body.",
      labelNames: ["route"],
      buckets: SECONDS,
      registers,
    });
    this.#running = new Gauge({
      name: "registry_proxy_running_requests",
      help: "Requests being answered now.",
      registers,
    });
  }

  requestBegan(): void {
    this.#running.inc();
  }

  /** Counts an exchange whose answer is over. */
  requestEnded(exchange: Exchange): void {
    this.#running.dec();
    const { route, outcome, firstByteMs } = exchange;
    const source = exchange.source ?? "none";
    const status = exchange.hasBegun
      ? `${Math.floor(exchange.response.statusCode / 100)}xx`
      : "none";
    this.#requests.inc({ route, status, source });
    this.#sentBytes.inc({ route, source }, exchange.sentBytes);
    this.#durations.observe({ route }, exchange.durationMs / 1000);
    if (firstByteMs !== undefined) this.#firstBytes.observe({ route }, firstByteMs / 1000);
    if (outcome !== "complete") {
      this.#brokenBodies.inc({ outcome: outcome === "given up" ? "given_up" : "client_left" });
    }
  }
}
