import { loadConfig } from "../../platform/config.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { findTool, TOOL_PACKAGES } from "../../test/harness/machine-tools.ts";
import type { Tool } from "../../test/harness/machine-tools.ts";
import {
  describeCommit,
  describeMachine,
  loadAverage,
  versionsOf,
} from "../frame/machine-description.ts";
import { systemCalendar } from "../../platform/calendar.ts";
import { lockBench } from "../frame/bench-lock.ts";
import { RESULTS_DIRECTORY, requireResultsDirectory, saveResult } from "../frame/result-file.ts";
import { withinTime } from "../frame/time-limit.ts";
import { transferBenchDefinition } from "./bench-config.ts";
import { transferOptionsOf } from "./bench-options.ts";
import { reportRows } from "./bench-report.ts";
import { benchText } from "./bench-text.ts";
import { runTransferBench } from "./transfer-bench.ts";

const NEEDS: readonly Tool[] = ["nginx", "curl", "aria2c", "time"];

await runProgram(
  "bench:transfer",
  async (interrupted) => {
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
    if (config.save) await requireResultsDirectory(RESULTS_DIRECTORY);
    await requireTools();
    await using _lock = await lockBench("transfer");
    const loadBefore = loadAverage();
    const measured_at = new Date(systemCalendar()).toISOString();
    const say = (sentence: string): void => {
      if (!config.json) process.stderr.write(`${sentence}\n`);
    };
    const { measurements, streaming } = await withinTime(
      config.timeout,
      interrupted,
      async (signal) => await runTransferBench(options, say, signal),
    );
    const report = {
      bench: "transfer",
      measured_at,
      seed: options.seed,
      samples: { measurements: Object.fromEntries(measurements) },
      rows: reportRows(measurements, options.lengthBytes),
      streaming,
      options,
      machine: {
        ...describeMachine(),
        load_average_before: loadBefore,
        load_average_after: loadAverage(),
      },
      commit: await describeCommit(),
      versions: await versionsOf({ nginx: "-v", curl: "--version", aria2c: "--version" }),
    };
    if (config.save) {
      const { options: given, ...rest } = report;
      const kept = await saveResult(RESULTS_DIRECTORY, "transfer", {
        ...rest,
        options: { ...given },
      });
      say(`kept in ${kept}`);
    }
    const text = config.json ? JSON.stringify(report) : `\n${benchText(report)}`;
    process.stdout.write(`${text}\n`);
  },
  { isUntidy: true },
);

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
