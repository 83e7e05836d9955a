import { standardOutput } from "../../../platform/output.ts";
import type { BatchDeps } from "../download-batch.ts";
import type { DfgetConfig } from "../download-plan.ts";
import type { DownloadEngine } from "../download-engine.ts";
import { openTargetFile } from "../target-file.ts";
import { streamTarget } from "../target-stream.ts";
import type { VersionKeeper } from "./direct-engine.ts";
import { DirectEngine, directClient } from "./direct-engine.ts";
import { openResumableTarget } from "./resumable-target.ts";

/** Reads files from their origins in this process; what is interrupted stays beside its target. */
export function directWay(config: DfgetConfig): AsyncDisposable & Pick<BatchDeps, "begin"> {
  const client = directClient(config);
  const saying = sayOnce(remarkOf(config));
  return {
    async begin(plan, signal) {
      const { output } = plan;
      if (output.kind === "stdout") {
        const target = streamTarget(standardOutput(), "standard output");
        return { engine: saying(new DirectEngine(client, memoryKeeper())), target };
      }
      const resumable = await openResumableTarget(output.path, plan);
      if (resumable) {
        const restore = resumable.restore.bind(resumable);
        return { engine: saying(new DirectEngine(client, resumable)), target: resumable, restore };
      }
      const target = await openTargetFile(output.path, signal);
      return { engine: saying(new DirectEngine(client, memoryKeeper())), target };
    },
    [Symbol.asyncDispose]: async () => await client[Symbol.asyncDispose](),
  };
}

/** Why no other node takes part, where the user did not ask for that. */
function remarkOf({ direct, insecure, cacert, cert }: DfgetConfig): string | undefined {
  if (direct) return undefined;
  const flag = insecure
    ? "--insecure"
    : cacert !== undefined
      ? "--cacert"
      : cert !== undefined
        ? "--cert"
        : "--key";
  return `with ${flag} this process reads the origin itself, as with --direct: nothing comes from or goes to other nodes`;
}

/** Makes the first engine that begins say something. */
function sayOnce(remark: string | undefined): (engine: DownloadEngine) => DownloadEngine {
  let left = remark;
  return (engine) => ({
    begin: async (request, reporter, signal) => {
      if (left !== undefined) reporter.note(left);
      left = undefined;
      return await engine.begin(request, reporter, signal);
    },
  });
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
