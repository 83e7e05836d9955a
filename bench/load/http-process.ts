import type { Result } from "autocannon";
import autocannon from "autocannon";
import { Agent } from "undici";

import type { BulkCounts } from "./bulk-client.ts";
import { readInBulk } from "./bulk-client.ts";
import { Latencies } from "./latencies.ts";
import type { LatencyFigures } from "./latencies.ts";

/*
 * A process that sends HTTP requests. It is asked by messages, one at a time, and answers each.
 */

/** What it is asked. */
export type HttpRequest = HttpLoad | HttpOnce;

/** A path that is asked for again and again. */
interface RepeatedPath {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectionCount: number;
  readonly durationMs: number;
  readonly status: number;
}

/**
 * One path as often as its answers come, on many connections: small answers by autocannon, large ones by a client that only counts
 * their bytes, because autocannon would be what is measured.
 */
export interface HttpLoad extends RepeatedPath {
  readonly kind: "small" | "bulk";
}

/** Each of several paths once, one after the other. */
export interface HttpOnce {
  readonly kind: "once";
  readonly origin: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
}

/** How it answers. */
export interface HttpAnswer {
  /** Why it could not do what it was asked. */
  readonly error: string | undefined;
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Requests that failed or were answered with another status. */
  readonly unexpected: number;
  readonly latencies: LatencyFigures | undefined;
  /** Requests answered in each second; none for requests that were sent once. */
  readonly requestsOfSeconds: readonly number[];
  readonly cpuSeconds: number;
}

process.on("message", (request: HttpRequest) => void answer(request));
process.once("disconnect", () => process.removeAllListeners("message"));
// The process that asks is told to end by the same signal, and ends this one.
process.on("SIGINT", () => {});

async function answer(request: HttpRequest): Promise<void> {
  const cpuBefore = process.cpuUsage();
  let done: Omit<HttpAnswer, "cpuSeconds">;
  try {
    done = request.kind === "once" ? await once(request) : await load(request);
  } catch (error) {
    done = { ...nothing, error: (error as Error).message };
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const said: HttpAnswer = { ...done, cpuSeconds: (user + system) / 1e6 };
  if (process.connected) process.send!(said);
}

const nothing = {
  error: undefined,
  requests: 0,
  seconds: 0,
  bytes: 0,
  unexpected: 0,
  latencies: undefined,
  requestsOfSeconds: [],
};

/** How often autocannon looks whether it is over. */
const SAMPLE_MS = 50;

interface Run {
  readonly latenciesMs: readonly number[];
  readonly bytes: number;
  readonly unexpected: number;
  readonly requestsOfSeconds: readonly number[];
}

async function load(request: HttpLoad): Promise<Omit<HttpAnswer, "cpuSeconds">> {
  const startMs = performance.now();
  const run = request.kind === "bulk" ? await loadInBulk(request) : await loadBySmall(request);
  const seconds = (performance.now() - startMs) / 1000;
  const { latenciesMs, ...counts } = run;
  const latencies = new Latencies();
  // What a connection takes for a request on average is how often it would have sent one.
  const intervalMs = (seconds * 1000 * request.connectionCount) / Math.max(1, latenciesMs.length);
  for (const latencyMs of latenciesMs) latencies.recordWithOmitted(latencyMs, intervalMs);
  return {
    ...counts,
    error: undefined,
    requests: latenciesMs.length,
    seconds,
    latencies: latencies.count === 0 ? undefined : latencies.figures(),
  };
}

async function loadBySmall(request: RepeatedPath): Promise<Run> {
  const { url, headers, connectionCount, durationMs, status } = request;
  const latenciesMs: number[] = [];
  const requestsOfSeconds: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const running = autocannon(
    {
      url,
      headers: { ...headers },
      connections: connectionCount,
      duration: durationMs / 1000,
      sampleInt: SAMPLE_MS,
      timeout: 30,
    },
    (error, result) => {
      if (error) reject(error as Error);
      else resolve(result);
    },
  );
  running.on("response", (_client, _status, _bytes, latencyMs) => latenciesMs.push(latencyMs));
  const ticking = setInterval(() => requestsOfSeconds.push(latenciesMs.length), 1000);
  const stop = (): void => running.stop();
  process.once("disconnect", stop);
  const result = await promise;
  clearInterval(ticking);
  process.off("disconnect", stop);
  const expected = result.statusCodeStats?.[`${status}`]?.count ?? 0;
  return {
    latenciesMs,
    bytes: result.throughput.total,
    unexpected: latenciesMs.length - expected + result.errors + result.timeouts,
    requestsOfSeconds: growth(requestsOfSeconds),
  };
}

async function loadInBulk(request: RepeatedPath): Promise<Run> {
  const { url, headers, connectionCount, durationMs, status } = request;
  const { hostname, port, pathname, host } = new URL(url);
  const lines = Object.entries({ host, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const head = `GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`;
  const counts: BulkCounts = { bytes: 0, unexpected: 0, latenciesMs: [] };
  const requestsOfSeconds: number[] = [];
  const ticking = setInterval(() => requestsOfSeconds.push(counts.latenciesMs.length), 1000);
  const endMs = performance.now() + durationMs;
  const target = { host: hostname, port: Number(port), head, status };
  const connections = Array.from({ length: connectionCount }, () =>
    readInBulk(target, endMs, counts),
  );
  await Promise.all(connections).finally(() => clearInterval(ticking));
  return { ...counts, requestsOfSeconds: growth(requestsOfSeconds) };
}

/** How much a count grew from each value to the next, from zero. */
function growth(counts: readonly number[]): number[] {
  return counts.map((count, index) => count - (counts[index - 1] ?? 0));
}

async function once(request: HttpOnce): Promise<Omit<HttpAnswer, "cpuSeconds">> {
  const { origin, paths, headers, status } = request;
  await using agent = new ClosingAgent();
  const latencies = new Latencies();
  const startMs = performance.now();
  let bytes = 0;
  let unexpected = 0;
  for (const path of paths) {
    const sentMs = performance.now();
    const answered = await agent.request({ origin, path, method: "GET", headers: { ...headers } });
    for await (const chunk of answered.body as AsyncIterable<Uint8Array>) bytes += chunk.length;
    latencies.record(performance.now() - sentMs);
    if (answered.statusCode !== status) unexpected += 1;
  }
  const seconds = (performance.now() - startMs) / 1000;
  return {
    ...nothing,
    requests: paths.length,
    seconds,
    bytes,
    unexpected,
    latencies: latencies.figures(),
  };
}

class ClosingAgent extends Agent implements AsyncDisposable {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}
