import { setTimeout as delay } from "node:timers/promises";

import type { BenchRun } from "../frame/bench-program.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { CrowdStage } from "./crowd-bench.ts";
import type { ActiveFigures } from "./load-figures.ts";
import { roundedFigures } from "./load-figures.ts";
import { loadTask } from "./load-task.ts";

/** Share of the time of a download after which all nodes download. */
const WARM_SHARE = 1.1;

/** Lets nodes download all the time, and watches the supernode once all are in the middle of it. */
export async function measureActive(
  { supernode, driver, origin }: CrowdStage,
  options: LoadBenchOptions,
  { say, signal }: BenchRun,
): Promise<ActiveFigures> {
  const { peerCount, taskCount, piecesPerTask, fillMs, windowMs, seed } = options;
  const tasks = Array.from({ length: taskCount }, (_, index) =>
    loadTask(origin, `active ${seed} ${index}`, piecesPerTask),
  );
  await driver.connect(peerCount, signal);
  await driver.ask({ kind: "start", tasks, peerCount, fillMs }, signal);
  // Tasks begin one after the other; all have begun then.
  await delay(fillMs * WARM_SHARE, undefined, { signal });
  await driver.ask({ kind: "watch" }, signal);
  const watched = await supernode.watch();
  await delay(windowMs, undefined, { signal });
  const { seconds, ...use } = await watched();
  const { use: driverUse } = await driver.ask({ kind: "watch" }, signal);
  const { swarm } = await driver.ask({ kind: "stop" }, signal);
  const { finished, stalled, failedFetches } = swarm!;
  if (failedFetches > 0) throw new Error(`${failedFetches} pieces could not be fetched`);
  say(`${peerCount} active nodes: ${(use.cpu_fraction * 100).toFixed(1)} % of a core`);
  return roundedFigures({
    peers: peerCount,
    tasks: taskCount,
    ...use,
    frames_per_s: driverUse.frames / driverUse.seconds,
    downloads_per_s: finished / (seconds + (fillMs * WARM_SHARE) / 1000),
    stalled,
    driver_cpu_fraction: driverUse.cpuFraction,
    driver_loop_delay_p99_ms: driverUse.loopDelayMsP99,
  });
}
