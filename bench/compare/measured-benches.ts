import { join } from "node:path";

import { runCommand } from "../../test/harness/run-command.ts";
import type { Checkout } from "./checkout.ts";
import type { Cost } from "./cost.ts";

/** A bench that is run at both commits, and how its JSON is read as costs. */
export interface ComparedBench {
  readonly name: string;
  /** From the root of the checkout. */
  readonly main: string;
  readonly args: readonly string[];
  costs(report: unknown): Cost[];
}

/** The bench could not be run at a commit, or said something else than costs. */
export class BenchFailure extends Error {
  override readonly name = "BenchFailure";
}

const RUN_MS_MAX = 10 * 60_000;

/** Small things that happen for every piece. */
const MICRO: ComparedBench = {
  name: "micro",
  main: "bench/micro/main.ts",
  args: ["--json"],
  costs: (report) => {
    const { results } = report as {
      results: { name: string; microsecondsEach: number; fastestMicrosecondsEach?: number }[];
    };
    return results.map(({ name, microsecondsEach, fastestMicrosecondsEach }) => ({
      name,
      rounds: [fastestMicrosecondsEach ?? microsecondsEach],
      unit: "µs",
    }));
  },
};

/** The data path on loopback, from node to node and to curl. */
function transfer(size: string): ComparedBench {
  return {
    name: "transfer",
    main: "bench/transfer/main.ts",
    args: `--json --size ${size} --rounds 3 --row darter>darter --row darter>curl`.split(" "),
    costs: (report) => {
      const { rows } = report as {
        rows: { name: string; mb_per_s_of_rounds: number[]; [figure: string]: unknown }[];
      };
      return rows.flatMap((row) => [
        {
          name: `${row.name}, time`,
          rounds: row.mb_per_s_of_rounds.map((rate) => 1000 / rate),
          unit: "s/GB",
        },
        {
          name: `${row.name}, processor`,
          rounds: [Number(row["server_cpu_s_per_gb"]) + Number(row["client_cpu_s_per_gb"])],
          unit: "CPU s/GB",
        },
      ]);
    },
  };
}

/** The benches that are compared; small ones for a quick look. */
export function comparedBenches(isSmall: boolean): readonly ComparedBench[] {
  return [MICRO, transfer(isSmall ? "64MiB" : "256MiB")];
}

/** Runs a bench at a commit once, with temporary files in a place that the caller removes. Throws BenchFailure with what it said. */
export async function measureAt(
  { path, name }: Checkout,
  bench: ComparedBench,
  temporaryPath: string,
  signal: AbortSignal,
): Promise<Cost[]> {
  signal.throwIfAborted();
  const { code, stdout, stderr } = await runCommand({
    name: `bench:${bench.name} at ${name}`,
    command: process.execPath,
    args: [join(path, bench.main), ...bench.args],
    cwd: path,
    env: { TMPDIR: temporaryPath },
    timeoutMs: RUN_MS_MAX,
    signal,
  });
  signal.throwIfAborted();
  const failure = (reason: string): BenchFailure =>
    new BenchFailure(`bench:${bench.name} cannot be measured at ${name}: ${reason}`);
  if (code !== 0) throw failure(stderr.trim().split("\n").at(-1) ?? `it ended with ${code}`);
  try {
    const costs = bench.costs(JSON.parse(stdout));
    if (costs.some(({ rounds }) => !rounds.every((round) => round > 0))) {
      throw new Error("a figure is missing");
    }
    return costs;
  } catch (error) {
    throw failure((error as Error).message);
  }
}
