import type { BenchRun } from "../frame/bench-program.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { CrowdStage } from "./crowd-bench.ts";
import type { RoutesOutcome } from "./http-bench.ts";
import { measureRoutes } from "./http-bench.ts";

const MIB = 1024 * 1024;
const PIECES = 16;

/** Asks the supernode's API, and for a piece of 1 MiB. */
export async function measureApi(
  { supernode, driver, origin }: CrowdStage,
  options: LoadBenchOptions,
  run: BenchRun,
): Promise<RoutesOutcome> {
  const taskId = origin.addBlob(`api ${options.seed}`, PIECES * MIB);
  const task = {
    taskId,
    url: origin.blobUrl(taskId),
    pieceCount: PIECES,
    pieceLengthBytes: MIB,
  };
  await driver.connect(1, run.signal);
  // The node reads the task, and its swarm of one stays.
  await driver.ask({ kind: "start", tasks: [task], peerCount: 1, fillMs: 1000 }, run.signal);
  await driver.ask({ kind: "stop" }, run.signal);
  const route = { coldPaths: [], headers: {}, status: 200 };
  return await measureRoutes(
    { name: "supernode", program: supernode },
    [
      { ...route, route: "ping", warmPath: "/healthz" },
      { ...route, route: "task", warmPath: `/api/v1/tasks/${taskId}` },
      { ...route, route: "404", warmPath: "/api/v1/none", status: 404 },
      { ...route, route: "piece of 1 MiB", warmPath: `/pieces/${taskId}/3`, isBulk: true },
    ],
    options,
    run,
  );
}
