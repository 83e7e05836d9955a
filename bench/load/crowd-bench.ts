import { setTimeout as delay } from "node:timers/promises";

import { medianBy } from "../fleet/statistics.ts";
import { until } from "../../test/harness/until.ts";
import type { BenchRun } from "../frame/bench-program.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import { Latencies } from "./latencies.ts";
import type { IdleFigures, JoinFigures, RampFigures } from "./load-figures.ts";
import { rounded, roundedFigures } from "./load-figures.ts";
import type { LoadOrigin } from "./load-origin.ts";
import type { ServerUnderTest } from "./server-under-test.ts";
import { loadTask } from "./load-task.ts";
import type { SocketDriver } from "./socket-driver.ts";

/** What the parts with nodes that join or wait are measured on. */
export interface CrowdStage {
  readonly supernode: ServerUnderTest;
  readonly driver: SocketDriver;
  readonly origin: LoadOrigin;
}

/** Joins slower than this are too slow for a ramp. */
const KNEE_MS = 100;
const RAMP_STEP = 1.5;
/** A crowd of the ramp comes over so long, if there are nodes enough. */
const RAMP_MS = 2000;
/** A shorter crowd says nothing about a rate. */
const RAMP_MS_MIN = 500;
const JOIN_PIECES = 64;
const SETTLE_MS_MAX = 3000;

/** Connects nodes in steps, and watches the supernode after each while nothing happens. */
export async function measureIdle(
  { supernode, driver }: CrowdStage,
  options: LoadBenchOptions,
  { say, signal }: BenchRun,
): Promise<readonly IdleFigures[]> {
  const steps: IdleFigures[] = [];
  const empty = await (await supernode.watch())();
  let before = 0;
  for (const nodes of options.nodeCounts) {
    const startMs = performance.now();
    await driver.connect(nodes, signal);
    const connects_per_s = (nodes - before) / ((performance.now() - startMs) / 1000);
    before = nodes;
    await delay(Math.min(SETTLE_MS_MAX, options.windowMs / 4), undefined, { signal });
    say(`watching ${nodes} idle nodes`);
    const watched = await supernode.watch();
    await delay(options.windowMs, undefined, { signal });
    const { seconds: _seconds, ...use } = await watched();
    await driver.requireAll(nodes, signal);
    const kb_per_node = ((use.rss_mb - empty.rss_mb) * 1000) / nodes;
    steps.push(roundedFigures({ nodes, ...use, kb_per_node, connects_per_s }));
    say(`${nodes} idle nodes: ${use.rss_mb.toFixed(0)} MB, ${percent(use.cpu_fraction)} of a core`);
  }
  return steps;
}

/** Lets crowds join at the fixed rate, one after the other; the one whose p99 is the median counts. */
export async function measureJoins(
  stage: CrowdStage,
  options: LoadBenchOptions,
  { say, signal }: BenchRun,
): Promise<{ readonly figures: JoinFigures; readonly crowds: readonly CrowdOutcome[] }> {
  const count = options.nodeCounts.at(-1)!;
  await stage.driver.connect(count, signal);
  const crowds: CrowdOutcome[] = [];
  for (let round = 0; round < options.joinRounds; round++) {
    const rate = { count, perSecond: options.joinsPerSecond };
    const joined = await crowd(stage, options, rate, signal);
    crowds.push(joined);
    say(`${options.joinsPerSecond} joins/s: p99 ${joined.figures.p99_ms.toFixed(1)} ms`);
  }
  return { figures: medianBy(crowds, ({ figures }) => figures.p99_ms).figures, crowds };
}

/**
 * Raises the rate until joins are slow or the nodes do not suffice any more. A rate is too high when two crowds in turn find it
 * so: once may be the machine's own doing.
 */
export async function measureRamp(
  stage: CrowdStage,
  options: LoadBenchOptions,
  { say, signal }: BenchRun,
): Promise<RampFigures> {
  const nodes = options.nodeCounts.at(-1)!;
  await stage.driver.connect(nodes, signal);
  const steps: JoinFigures[] = [];
  let perSecond = options.rampFromPerSecond;
  for (;;) {
    const count = Math.min(nodes, Math.round((perSecond * RAMP_MS) / 1000));
    if (steps.length > 0 && count / perSecond < RAMP_MS_MIN / 1000) break;
    const first = await crowd(stage, options, { count, perSecond }, signal);
    let { figures } = first;
    if (!isGood(figures, KNEE_MS)) {
      const again = await crowd(stage, options, { count, perSecond }, signal);
      figures = medianBy([first, again], (each) => each.figures.p99_ms).figures;
    }
    steps.push(figures);
    say(`ramp: ${perSecond} joins/s: p99 ${figures.p99_ms.toFixed(1)} ms`);
    if (!isGood(figures, KNEE_MS)) break;
    perSecond = Math.round(perSecond * RAMP_STEP);
  }
  return kneeOf(steps, KNEE_MS);
}

/** Finds the knee among the steps of a ramp, of which the last may be too slow. */
export function kneeOf(steps: readonly JoinFigures[], limitMs: number): RampFigures {
  const knee = steps.filter((step) => isGood(step, limitMs)).at(-1);
  const beyond = steps.find((step) => !isGood(step, limitMs));
  return {
    knee_per_s: knee?.per_s ?? null,
    knee_p99_ms: knee?.p99_ms ?? null,
    beyond_per_s: beyond?.per_s ?? null,
    beyond_p99_ms: beyond?.p99_ms ?? null,
    limit_ms: limitMs,
    steps,
  };
}

/** What one crowd gave. */
export interface CrowdOutcome {
  readonly figures: JoinFigures;
  readonly latenciesMs: readonly number[];
}

function isGood({ p99_ms, unanswered }: JoinFigures, limitMs: number): boolean {
  return p99_ms <= limitMs && unanswered === 0;
}

async function crowd(
  { supernode, driver, origin }: CrowdStage,
  options: LoadBenchOptions,
  { count, perSecond }: { readonly count: number; readonly perSecond: number },
  signal: AbortSignal,
): Promise<CrowdOutcome> {
  const task = loadTask(origin, `crowd ${options.seed} ${origin.contentCount}`, JOIN_PIECES);
  const watched = await supernode.watch();
  const answer = await driver.ask({ kind: "join", task, perSecond, count }, signal);
  const { seconds: _seconds, ...use } = await watched();
  const { latenciesMs, unanswered, reason } = answer.crowd!;
  if (latenciesMs.length === 0) throw new Error(`no join was answered: ${reason}`);
  const latencies = new Latencies();
  for (const latencyMs of latenciesMs) latencies.record(latencyMs);
  // The next crowd shall not meet the leaving of this one.
  await until(async () => (await supernode.metric("supernode_tasks")) === 0, {
    what: "all nodes to leave the task",
    timeoutMs: 30_000,
    intervalMs: 100,
    signal,
  });
  const figures = roundedFigures({
    per_s: perSecond,
    joins: latenciesMs.length,
    unanswered,
    ...latencies.figures(),
    ...use,
    driver_cpu_fraction: answer.use.cpuFraction,
    driver_loop_delay_p99_ms: answer.use.loopDelayMsP99,
  });
  return { figures, latenciesMs: latenciesMs.map(rounded) };
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}
