import { setTimeout as delay } from "node:timers/promises";

import type { LoadNode } from "./load-node.ts";
import { OpenLoop } from "./open-loop.ts";
import type { SeedClient } from "./seed-client.ts";
import { SimulatedDownload } from "./simulated-download.ts";
import type { LoadTask } from "./simulated-task.ts";
import { SimulatedTask } from "./simulated-task.ts";

/** What a crowd of joins gave. */
export interface CrowdAnswer {
  /** From the moment when each join was due to its answer. */
  readonly latenciesMs: readonly number[];
  /** Joins that were refused or not answered in time. */
  readonly unanswered: number;
  /** The first reason why. */
  readonly reason: string | undefined;
  /** From the first join to the last answer. */
  readonly seconds: number;
}

/** How long the last answers may take. */
const PATIENCE_MS = 10_000;
/** Time to get ready before the first join is due. */
const LEAD_MS = 20;

/** Nodes join one task at a fixed rate, each once, and leave it when all are answered. */
export async function joinAsCrowd(
  nodes: readonly LoadNode[],
  spec: LoadTask,
  perSecond: number,
  seed: SeedClient,
): Promise<CrowdAnswer> {
  const task = new SimulatedTask(spec);
  const startMs = performance.now() + LEAD_MS;
  const loop = new OpenLoop(startMs, perSecond, nodes.length);
  const downloads: SimulatedDownload[] = [];
  const latenciesMs: number[] = [];
  let reason: string | undefined;
  let lastMs = startMs;
  while (!loop.isOver) {
    for (const index of loop.take(performance.now())) {
      const download = new SimulatedDownload(nodes[index]!, task, seed);
      downloads.push(download);
      download.answered.promise.then(
        () => {
          lastMs = performance.now();
          latenciesMs.push(lastMs - loop.dueMs(index));
        },
        (error: unknown) => (reason ??= (error as Error).message),
      );
      download.join(performance.now());
    }
    await delay(1);
  }
  const answers = Promise.allSettled(downloads.map(({ answered }) => answered.promise));
  await Promise.race([answers, delay(PATIENCE_MS, undefined, { ref: false })]);
  for (const download of downloads) download.leave();
  const unanswered = nodes.length - latenciesMs.length;
  if (unanswered > 0) reason ??= `no answer within ${PATIENCE_MS} ms`;
  return { latenciesMs: [...latenciesMs], unanswered, reason, seconds: (lastMs - startMs) / 1000 };
}
