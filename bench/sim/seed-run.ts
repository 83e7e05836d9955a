import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** What came of one drawn scenario. */
export interface SeedResult {
  readonly seed: number;
  /** How the run failed. */
  readonly failure: string | undefined;
  /** Invariants that it broke although it came to a good end. */
  readonly breaches: readonly string[];
}

/** Runs the scenarios of these seeds on all cores. Tells of each that is done; the order is open. */
export async function runSeeds(
  first: number,
  count: number,
  done: (result: SeedResult) => void,
  threads = Math.min(count, availableParallelism()),
): Promise<void> {
  let next = first;
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url));
    const ended = new Promise<void>((resolve, reject) => {
      const give = (): void => {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        if (next < first + count) worker.postMessage(next++);
        else void worker.terminate().then(() => resolve());
      };
      worker.on("message", (result: SeedResult) => {
        done(result);
        give();
      });
      worker.on("error", reject);
      give();
    });
    return { ended, worker };
  });
  try {
    await Promise.all(workers.map(({ ended }) => ended));
  } finally {
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
  }
}
