import { runBench } from "../frame/bench-program.ts";
import { loadBenchDefinition } from "./bench-config.ts";
import { loadOptionsOf, requireLoadMachine } from "./bench-options.ts";
import { benchText } from "./bench-text.ts";
import { runLoadBench } from "./load-bench.ts";

await runBench({
  name: "load",
  definition: loadBenchDefinition,
  options: async (config) => {
    const options = loadOptionsOf(config);
    await requireLoadMachine(options);
    return options;
  },
  seed: ({ seed }) => seed,
  versionFlags: {},
  measure: runLoadBench,
  text: benchText,
});
