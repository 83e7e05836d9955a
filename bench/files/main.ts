import { runBench } from "../frame/bench-program.ts";
import { filesBenchDefinition } from "./bench-config.ts";
import { filesOptionsOf, requireFilesMachine } from "./bench-options.ts";
import { benchText } from "./bench-text.ts";
import { runFilesBench } from "./files-bench.ts";

await runBench({
  name: "files",
  definition: filesBenchDefinition,
  options: async (config) => {
    const options = filesOptionsOf(config);
    await requireFilesMachine(options);
    return options;
  },
  seed: ({ seed }) => seed,
  versionFlags: { nginx: "-v", wget: "--version", curl: "--version" },
  measure: runFilesBench,
  text: benchText,
});
