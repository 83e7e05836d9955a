import { loadConfig } from "../../platform/config.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { formatDuration } from "../../platform/quantity.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { findTool, TOOL_PACKAGES } from "../../test/harness/machine-tools.ts";
import type { Tool } from "../../test/harness/machine-tools.ts";
import { describeCommit, describeMachine, loadAverage } from "../fleet/machine-description.ts";
import { transferBenchDefinition } from "./bench-config.ts";
import { transferOptionsOf } from "./bench-options.ts";
import { describeVersions, reportRows } from "./bench-report.ts";
import { benchText } from "./bench-text.ts";
import { runTransferBench } from "./transfer-bench.ts";

const NEEDS: readonly Tool[] = ["nginx", "curl", "aria2c", "time"];

await runProgram("bench:transfer", async (interrupted) => {
  const loaded = loadConfig(transferBenchDefinition, {
    argv: process.argv.slice(2),
    env: process.env,
  });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(transferBenchDefinition, loaded));
    return;
  }
  const { config } = loaded;
  const options = transferOptionsOf(config);
  await requireTools();
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(config.timeout)]);
  const loadBefore = loadAverage();
  const say = (sentence: string): void => {
    if (!config.json) process.stderr.write(`${sentence}\n`);
  };
  try {
    const { measurements, streaming } = await runTransferBench(options, say, signal);
    const report = {
      rows: reportRows(measurements, options.lengthBytes),
      streaming,
      options,
      machine: {
        ...describeMachine(),
        load_average_before: loadBefore,
        load_average_after: loadAverage(),
      },
      commit: await describeCommit(),
      versions: await describeVersions(),
    };
    const text = config.json ? JSON.stringify(report) : `\n${benchText(report)}`;
    process.stdout.write(`${text}\n`);
  } catch (error) {
    if (interrupted.aborted) {
      throw new UserError(EXIT.interrupted, "interrupted; nothing is left behind");
    }
    if (!signal.aborted) throw error;
    throw new UserError(
      EXIT.timedOut,
      `not finished after ${formatDuration(config.timeout)}; nothing is left behind, --timeout allows more`,
    );
  }
});

async function requireTools(): Promise<void> {
  if (process.platform !== "linux") {
    throw new UserError(
      EXIT.usage,
      "the transfer bench reads figures of processes as Linux has them",
    );
  }
  const found = await Promise.all(NEEDS.map(findTool));
  const missing = NEEDS.filter((_, index) => found[index] === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((tool) => TOOL_PACKAGES[tool]).join(" ");
  throw new UserError(
    EXIT.usage,
    `${missing.join(", ")} is not installed, and the bench compares with it; apt-get install ${packages}`,
  );
}
