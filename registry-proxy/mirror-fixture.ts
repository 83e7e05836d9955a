import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:http";
import { Registry } from "prom-client";

import type { Clock } from "../platform/clock.ts";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import type { Log } from "../platform/log.ts";
import { AddressGate } from "../platform/origin/address-gate.ts";
import { OriginClient } from "../platform/origin/origin-client.ts";
import { OriginForwarder } from "../platform/origin/origin-forwarder.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { MemorySwarm } from "./memory-swarm.ts";
import type { MirrorOptions } from "./mirror.ts";
import { createMirror } from "./mirror.ts";
import type { MirrorServer } from "./mirror-server.ts";
import type { ProxySetup } from "./proxy/proxy-parts.ts";
import { UpstreamFixture } from "./upstream-fixture.ts";
import { UpstreamList } from "./upstream/upstream-list.ts";

/** A whole answer of the mirror. */
export interface MirrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface MirrorFixtureOptions extends Partial<MirrorOptions> {
  readonly clock?: Clock;
  readonly log?: Log;
  /** More registries than the one of the fixture. */
  readonly moreUpstreams?: readonly string[];
  /** Makes it a proxy as well, which may reach loopback. */
  readonly proxy?: Pick<ProxySetup, "config" | "authority">;
  /** Patterns of addresses that the proxy may reach, loopback when left out. */
  readonly proxyReaches?: readonly string[];
}

/** A mirror on loopback in front of a swarm in memory and a registry of the test's. */
export class MirrorFixture implements AsyncDisposable {
  readonly swarm: MemorySwarm;
  readonly upstream: UpstreamFixture;
  readonly server: MirrorServer;
  readonly registry: Registry;
  readonly endpoint: Endpoint;
  readonly #origin: OriginClient;
  readonly #forwarder: OriginForwarder;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(parts: {
    swarm: MemorySwarm;
    upstream: UpstreamFixture;
    server: MirrorServer;
    registry: Registry;
    endpoint: Endpoint;
    origin: OriginClient;
    forwarder: OriginForwarder;
  }) {
    this.swarm = parts.swarm;
    this.upstream = parts.upstream;
    this.server = parts.server;
    this.registry = parts.registry;
    this.endpoint = parts.endpoint;
    this.#origin = parts.origin;
    this.#forwarder = parts.forwarder;
  }

  static async start(options: MirrorFixtureOptions = {}): Promise<MirrorFixture> {
    const upstream = await UpstreamFixture.start();
    const upstreams = new UpstreamList([upstream.url, ...(options.moreUpstreams ?? [])]);
    const clock = options.clock ?? systemClock;
    const origin = new OriginClient(
      { gate: new AddressGate(upstreams.originPatterns), clock, random: () => 0.5 },
      { connectionAttempts: 1, answerAttempts: 1 },
    );
    const swarm = new MemorySwarm(
      async () => new ProtocolError("SUPERNODE_UNAVAILABLE", "no supernode can be reached"),
    );
    const registry = new Registry();
    const gate = new AddressGate(options.proxyReaches ?? ["127.0.0.1"]);
    const forwarder = new OriginForwarder(gate);
    const proxy = options.proxy && { ...options.proxy, gate, forwarder };
    const server = createMirror(
      { swarm, fetch: origin.fetch, registry, clock, log: options.log ?? silentLog, proxy },
      { upstreams, ...options },
    );
    const endpoint = await server.listen({ host: "127.0.0.1", port: 0 });
    return new MirrorFixture({ swarm, upstream, server, registry, endpoint, origin, forwarder });
  }

  /** Sends a request and reads its whole answer; rejects when that breaks off. */
  async ask(
    path: string,
    options: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<MirrorAnswer> {
    const { host, port } = this.endpoint;
    return await new Promise((resolve, reject) => {
      const asked = request({ host, port, path, agent: this.#agent, ...options }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const { statusCode: status = 0, headers } = answer;
          resolve({ status, headers, body: Buffer.concat(chunks) });
        });
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.server[Symbol.asyncDispose]();
    await this.#origin[Symbol.asyncDispose]();
    await this.#forwarder[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
  }
}

/** The errors in the body of an answer. */
export function errorsOf({ body }: MirrorAnswer): { code: string; message: string }[] {
  const content = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
  return content.errors;
}

/** A clock that a test moves by hand. */
export class ManualClock implements Clock {
  #nowMs = 1000;

  nowMs(): number {
    return this.#nowMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#nowMs += delayMs;
  }
}
