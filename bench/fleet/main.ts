import { formatDuration } from "../../platform/quantity.ts";
import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { fleetBenchDefinition } from "./bench-config.ts";
import { benchOptionsOf } from "./bench-options.ts";
import { benchReport } from "./bench-report.ts";
import { benchText } from "./bench-text.ts";
import { runFleetBench } from "./fleet-bench.ts";
import {
  describeCommit,
  describeMachine,
  describeVersions,
  loadAverage,
} from "./machine-description.ts";
import { requireFleetMachine } from "./machine-needs.ts";

await runProgram("bench:fleet", async (interrupted) => {
  const loaded = loadConfig(fleetBenchDefinition, {
    argv: process.argv.slice(2),
    env: process.env,
  });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(fleetBenchDefinition, loaded));
    return;
  }
  const { config } = loaded;
  const options = benchOptionsOf(config);
  await requireFleetMachine();
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(config.timeout)]);
  const loadBefore = loadAverage();
  const say = (sentence: string): void => {
    if (!config.json) process.stderr.write(`${sentence}\n`);
  };
  try {
    const outcome = await runFleetBench(options, { clock: systemClock, say }, signal);
    const report = benchReport(options, outcome, {
      machine: {
        ...describeMachine(),
        load_average_before: loadBefore,
        load_average_after: loadAverage(),
      },
      commit: await describeCommit(),
      versions: await describeVersions(),
    });
    const text = config.json ? JSON.stringify(report) : `\n${benchText(report, options)}`;
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
