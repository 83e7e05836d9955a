import { freePort } from "../../test/harness/free-port.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { BenchRun } from "../frame/bench-program.ts";
import type { BenchMeasurement } from "../frame/bench-result.ts";
import { measureActive } from "./active-bench.ts";
import type { Part } from "./bench-config.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { CrowdStage } from "./crowd-bench.ts";
import { measureIdle, measureJoins, measureRamp } from "./crowd-bench.ts";
import { measureApi } from "./api-bench.ts";
import type { LoadFigures, LoadSamples } from "./load-figures.ts";
import { LoadOrigin } from "./load-origin.ts";
import { measureProxy, proxyFigures } from "./proxy-bench.ts";
import { ServerUnderTest } from "./server-under-test.ts";
import { SocketDriver } from "./socket-driver.ts";

/** Measures all parts that were asked for, each on a supernode that has just been started. */
export async function runLoadBench(
  options: LoadBenchOptions,
  run: BenchRun,
): Promise<BenchMeasurement<LoadFigures>> {
  const { parts } = options;
  const has = (...wanted: Part[]): boolean => wanted.some((part) => parts.includes(part));
  const samples: LoadSamples = { joins_ms: [], route_requests_of_seconds: {} };
  const figures: { -readonly [K in keyof LoadFigures]: LoadFigures[K] } = {
    idle: null,
    idle_steps: [],
    joins: null,
    ramp: null,
    active: null,
    proxy: null,
    routes: [],
  };
  if (has("idle", "joins", "ramp")) {
    await using stage = await setStage(options, run.signal);
    if (has("idle")) figures.idle_steps = await measureIdle(stage, options, run);
    figures.idle = figures.idle_steps.at(-1) ?? null;
    if (has("joins")) {
      const joined = await measureJoins(stage, options, run);
      figures.joins = joined.figures;
      samples.joins_ms = joined.crowds.map(({ latenciesMs }) => latenciesMs);
    }
    if (has("ramp")) figures.ramp = await measureRamp(stage, options, run);
  }
  if (has("active")) {
    await using stage = await setStage(options, run.signal);
    figures.active = await measureActive(stage, options, run);
  }
  if (has("api", "proxy")) {
    await using stage = await setStage(options, run.signal);
    const outcomes = [
      ...(has("api") ? [await measureApi(stage, options, run)] : []),
      ...(has("proxy") ? [await measureProxy(stage, options, run)] : []),
    ];
    figures.routes = outcomes.flatMap(({ routes }) => routes);
    for (const { requestsOfSeconds } of outcomes) {
      Object.assign(samples.route_requests_of_seconds, requestsOfSeconds);
    }
    if (has("proxy")) figures.proxy = proxyFigures(figures.routes);
  }
  return { figures, samples };
}

/** A supernode, an origin behind it and the process that is its nodes. */
export interface LoadStage extends CrowdStage, AsyncDisposable {
  readonly directory: TemporaryDirectory;
}

async function setStage(options: LoadBenchOptions, signal: AbortSignal): Promise<LoadStage> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await TemporaryDirectory.create("load"));
  const origin = stack.use(await LoadOrigin.start());
  const authority = `127.0.0.1:${await freePort()}`;
  const places = ["--listen", authority, "--data-dir", directory.join("supernode")];
  const supernode = stack.use(
    await ServerUnderTest.start("supernode", authority, {
      args: [...places, "--allow-origin", origin.authority],
      logPath: directory.join("supernode.log"),
      signal,
    }),
  );
  const driver = stack.use(new SocketDriver(authority, options));
  const parts = { directory, origin, supernode, driver };
  const resources = stack.move();
  return { ...parts, [Symbol.asyncDispose]: async () => await resources.disposeAsync() };
}
