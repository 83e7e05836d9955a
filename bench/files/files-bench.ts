import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { BenchRun } from "../frame/bench-program.ts";
import type { BenchMeasurement } from "../frame/bench-result.ts";
import type { FilesBenchOptions } from "./bench-options.ts";
import { makeFileTree } from "./file-tree.ts";
import type { SingleFigures } from "./single-bench.ts";
import { runSingleBench } from "./single-bench.ts";
import type { TreeFigures } from "./tree-bench.ts";
import { FLEET_STATES, runTreeBench } from "./tree-bench.ts";

/** What the bench finds out. */
export interface FilesFigures {
  readonly trees: readonly TreeFigures[];
  readonly singles: readonly SingleFigures[];
}

/** Measures the parts that are asked for. */
export async function runFilesBench(
  options: FilesBenchOptions,
  run: BenchRun,
): Promise<BenchMeasurement<FilesFigures>> {
  const trees: TreeFigures[] = [];
  const samples: Record<string, unknown> = {};
  await using directory = await TemporaryDirectory.create("files");
  const places = options.parts.filter((part) => part !== "single");
  if (places.length > 0) {
    let made = { fileCount: 0, lengthBytes: 0 };
    for (const [index, state] of FLEET_STATES.entries()) {
      const { seed, fileCount } = options;
      made = await makeFileTree(directory.join(state), { fileCount, seed: `${seed} ${index}` });
    }
    const tree = { directory: directory.path, ...made };
    for (const place of places) {
      const { figures, rounds } = await runTreeBench(place, tree, options, run);
      trees.push(...figures);
      samples[place] = rounds;
    }
  }
  if (!options.parts.includes("single")) return { figures: { trees, singles: [] }, samples };
  const { figures: singles, samples: times } = await runSingleBench(options, run);
  samples["single"] = times;
  return { figures: { trees, singles }, samples };
}
