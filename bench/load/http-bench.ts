import { join } from "node:path";

import { BenchProcess } from "../frame/bench-process.ts";
import type { BenchRun } from "../frame/bench-program.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { HttpAnswer, HttpLoad, HttpOnce, HttpRequest } from "./http-process.ts";
import type { RouteFigures } from "./load-figures.ts";
import { roundedFigures } from "./load-figures.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

/** A route that is asked. */
export interface Route {
  readonly route: string;
  /** Each once, nobody has asked for them before; without any, the route is not measured cold. */
  readonly coldPaths: readonly string[];
  readonly warmPath: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  /** Whether its answers are large. */
  readonly isBulk?: boolean;
}

/** What the routes of one server gave. */
export interface RoutesOutcome {
  readonly routes: readonly RouteFigures[];
  readonly requestsOfSeconds: Readonly<Record<string, readonly number[]>>;
}

/** The share of the time of a route for which it is asked before, until it is compiled. */
const WARM_UP_SHARE = 0.2;
/** Large answers on more connections than a runtime opens measure how large the caches of the processor are. */
const BULK_CONNECTIONS_MAX = 8;

/** Asks each route of a server, cold and then warm. Throws when one answers otherwise than it should. */
export async function measureRoutes(
  server: { readonly name: "supernode" | "proxy"; readonly program: ServerUnderTest },
  asked: readonly Route[],
  options: LoadBenchOptions,
  { say, signal }: BenchRun,
): Promise<RoutesOutcome> {
  const { name, program } = server;
  await using client = new BenchProcess<HttpRequest, HttpAnswer>(
    join(import.meta.dirname, "http-process.ts"),
  );
  const routes: RouteFigures[] = [];
  const requestsOfSeconds: Record<string, readonly number[]> = {};
  const ask = async (
    route: string,
    state: RouteFigures["state"],
    request: HttpLoad | HttpOnce,
  ): Promise<void> => {
    const watched = await program.watch();
    const answer = await client.ask(request, signal);
    const { seconds: _seconds, ...use } = await watched();
    const figures = routeFigures({ server: name, route, state }, answer, use);
    routes.push(figures);
    if (state === "warm") requestsOfSeconds[`${name} ${route}`] = answer.requestsOfSeconds;
    const rate = `${figures.rps.toFixed(0)} requests/s, ${figures.mb_per_s.toFixed(0)} MB/s`;
    say(`${name}, ${route}, ${state}: ${rate}, p99 ${figures.p99_ms.toFixed(2)} ms`);
  };
  for (const { route, coldPaths, warmPath, headers, status, isBulk } of asked) {
    const common = { headers, status };
    if (coldPaths.length > 0) {
      await ask(route, "cold", { kind: "once", origin: program.url, paths: coldPaths, ...common });
    }
    const load: Omit<HttpLoad, "durationMs"> = {
      ...common,
      kind: isBulk === true ? "bulk" : "small",
      url: `${program.url}${warmPath}`,
      connectionCount:
        isBulk === true
          ? Math.min(BULK_CONNECTIONS_MAX, options.connectionCount)
          : options.connectionCount,
    };
    await client.ask({ ...load, durationMs: options.routeMs * WARM_UP_SHARE }, signal);
    await ask(route, "warm", { ...load, durationMs: options.routeMs });
  }
  return { routes, requestsOfSeconds };
}

function routeFigures(
  named: Pick<RouteFigures, "server" | "route" | "state">,
  answer: HttpAnswer,
  use: Pick<RouteFigures, "cpu_s" | "cpu_fraction" | "rss_mb" | "loop_delay_p99_ms">,
): RouteFigures {
  const { error, requests, seconds, bytes, unexpected, latencies } = answer;
  const what = `${named.server}, ${named.route}, ${named.state}`;
  if (error !== undefined || latencies === undefined) {
    throw new Error(`${what}: ${error ?? "nothing was answered"}`);
  }
  if (unexpected > 0) throw new Error(`${what}: ${unexpected} of ${requests} requests went wrong`);
  return roundedFigures({
    ...named,
    requests,
    unexpected,
    rps: requests / seconds,
    mb_per_s: bytes / seconds / 1e6,
    ...latencies,
    ...use,
  });
}
