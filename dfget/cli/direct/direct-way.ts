import type { BatchDeps } from "../download-batch.ts";
import type { DfgetConfig } from "../download-plan.ts";
import { openTargetFile } from "../target-file.ts";
import { streamTarget } from "../target-stream.ts";
import type { VersionKeeper } from "./direct-engine.ts";
import { DirectEngine, directClient } from "./direct-engine.ts";
import { openResumableTarget } from "./resumable-target.ts";

/** Reads files from their origins in this process; what is interrupted stays beside its target. */
export function directWay(config: DfgetConfig): AsyncDisposable & Pick<BatchDeps, "begin"> {
  const client = directClient(config);
  return {
    async begin(plan, signal) {
      const { output } = plan;
      if (output.kind === "stdout") {
        const target = streamTarget(process.stdout, "standard output");
        return { engine: new DirectEngine(client, memoryKeeper()), target };
      }
      const resumable = await openResumableTarget(output.path, plan);
      if (resumable) {
        const restore = resumable.restore.bind(resumable);
        return { engine: new DirectEngine(client, resumable), target: resumable, restore };
      }
      const target = await openTargetFile(output.path, signal);
      return { engine: new DirectEngine(client, memoryKeeper()), target };
    },
    [Symbol.asyncDispose]: async () => await client[Symbol.asyncDispose](),
  };
}

/** Keeps the version for the attempts of one run. */
function memoryKeeper(): VersionKeeper {
  let expected: VersionKeeper["expected"];
  return {
    get expected() {
      return expected;
    },
    async opened(version) {
      expected = version;
    },
  };
}
