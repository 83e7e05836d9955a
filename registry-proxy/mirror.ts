import type { Registry } from "prom-client";

import type { Calendar } from "../platform/calendar.ts";
import { systemCalendar } from "../platform/calendar.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { OriginFetch } from "../platform/origin/origin-request.ts";
import { OriginBook } from "../platform/origin/origin-book.ts";
import { AccessChecks } from "../platform/origin/access-checks.ts";
import { TokenSeal } from "./access/token-seal.ts";
import { Visitors } from "./access/visitors.ts";
import { MirrorMetrics } from "./metrics.ts";
import { MirrorServer } from "./mirror-server.ts";
import type { ProxySetup } from "./proxy/proxy-parts.ts";
import { proxyParts } from "./proxy/proxy-parts.ts";
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
  readonly calendar?: Calendar;
  /** Where the node is an HTTP proxy, too. */
  readonly proxy?: ProxySetup | undefined;
}

export interface MirrorOptions {
  readonly upstreams: UpstreamList;
  /** Which repositories of which registries may be had; all when absent. */
  readonly origins?: OriginBook | undefined;
  /** How long the swarm may bring nothing to a client that waits; then the registry is asked. */
  readonly stallMs?: number;
  readonly tags?: Partial<TagResolverOptions>;
  /** How long a registry's yes to a caller's credential is believed; at most 300 s. */
  readonly verdictMs?: number;
  /** All of a blob is fetched of which somebody reads a part. */
  readonly prefetches?: boolean;
}

/** How long a registry's yes is believed unless told otherwise. */
export const VERDICT_MS_DEFAULT = 60_000;

/** Runtimes wait for ever, or give the whole pull up after a minute. */
const STALL_MS = 10_000;

/** Puts a registry mirror together; it listens when its `listen` is called. */
export function createMirror(deps: MirrorDeps, options: MirrorOptions): MirrorServer {
  const { swarm, fetch, registry, clock, log } = deps;
  const metrics = new MirrorMetrics(registry);
  const upstream = new UpstreamClient({ fetch, clock });
  const calendar = deps.calendar ?? systemCalendar;
  const seal = new TokenSeal(calendar);
  const checks = new AccessChecks(
    { clock, calendar },
    { lifeMs: options.verdictMs ?? VERDICT_MS_DEFAULT },
  );
  const origins = options.origins ?? new OriginBook();
  const visitors = new Visitors({ upstream, checks, seal, clock, origins });
  const stallMs = options.stallMs ?? STALL_MS;
  const contents = new SwarmContent(
    { swarm, metrics, log },
    { stallMs, prefetches: options.prefetches },
  );
  const tags = new TagResolver({ clock }, options.tags);
  const { upstreams } = options;
  const router = new Router({
    contents,
    upstream,
    upstreams,
    visitors,
    seal,
    tags,
    metrics,
    registry,
    log,
  });
  const shared = { swarm, metrics, log, contents, visitors, stallMs };
  const proxy = deps.proxy && proxyParts(deps.proxy, shared);
  return new MirrorServer({ router, metrics, clock, log, proxy });
}
