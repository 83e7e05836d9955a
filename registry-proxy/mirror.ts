import type { Registry } from "prom-client";

import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { OriginFetch } from "../platform/origin/origin-request.ts";
import { MirrorMetrics } from "./metrics.ts";
import { MirrorServer } from "./mirror-server.ts";
import { Router } from "./routes/router.ts";
import { SwarmContent } from "./routes/swarm-content.ts";
import type { Swarm } from "./swarm.ts";
import type { TagResolverOptions } from "./upstream/tag-resolver.ts";
import { TagResolver } from "./upstream/tag-resolver.ts";
import { UpstreamClient } from "./upstream/upstream-client.ts";
import type { UpstreamList } from "./upstream/upstream-list.ts";

export interface MirrorDeps {
  readonly swarm: Swarm;
  /** Asks origins; its address gate must let the listed upstreams through. */
  readonly fetch: OriginFetch;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MirrorOptions {
  readonly upstreams: UpstreamList;
  /** How long the swarm may bring nothing to a client that waits; then the registry is asked. */
  readonly stallMs?: number;
  readonly tags?: Partial<TagResolverOptions>;
}

const STALL_MS = 30_000;

/** Puts a registry mirror together; it listens when its `listen` is called. */
export function createMirror(deps: MirrorDeps, options: MirrorOptions): MirrorServer {
  const { swarm, fetch, registry, clock, log } = deps;
  const metrics = new MirrorMetrics(registry);
  const upstream = new UpstreamClient({ fetch, clock });
  const contents = new SwarmContent(
    { swarm, upstream, metrics, log },
    { stallMs: options.stallMs ?? STALL_MS },
  );
  const tags = new TagResolver({ upstream, clock }, options.tags);
  const { upstreams } = options;
  const router = new Router({ contents, upstream, upstreams, tags, metrics, registry, log });
  return new MirrorServer({ router, metrics, clock, log });
}
