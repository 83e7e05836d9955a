import { systemClock } from "../../platform/clock.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { systemCalendar } from "../../platform/calendar.ts";
import { lockBench } from "../frame/bench-lock.ts";
import {
  describeCommit,
  describeMachine,
  loadAverage,
  versionsOf,
} from "../frame/machine-description.ts";
import { RESULTS_DIRECTORY, requireResultsDirectory, saveResult } from "../frame/result-file.ts";
import { withinTime } from "../frame/time-limit.ts";
import { fleetBenchDefinition } from "./bench-config.ts";
import { benchRequestOf } from "./bench-plan.ts";
import type { BenchPlan } from "./bench-plan.ts";
import { benchReport } from "./bench-report.ts";
import type { BenchReport } from "./bench-report.ts";
import { benchText } from "./bench-text.ts";
import { runFleetBench } from "./fleet-bench.ts";
import type { Say } from "./fleet-bench.ts";
import { requireFleetMachine } from "./machine-needs.ts";
import { rivalsAt } from "./rivals/known-rivals.ts";
import type { RivalAt } from "./rivals/known-rivals.ts";
import { profilesText } from "./profile-text.ts";

await runProgram(
  "bench:fleet",
  async (interrupted) => {
    const { loaded, plans } = benchRequestOf({ argv: process.argv.slice(2), env: process.env });
    if (loaded.request !== undefined) {
      const more = loaded.request === "help" ? `\n${profilesText()}` : "";
      process.stdout.write(`${answerRequest(fleetBenchDefinition, loaded)}${more}`);
      return;
    }
    const { config } = loaded;
    const saveIn = config.saveIn ?? (config.save ? RESULTS_DIRECTORY : undefined);
    if (saveIn !== undefined) await requireResultsDirectory(saveIn);
    const rivals = await rivalsAt(config.against);
    await requireFleetMachine();
    await using _alone = await lockBench("fleet");
    const say = (sentence: string): void => {
      if (!config.json) process.stderr.write(`${sentence}\n`);
    };
    const reports: BenchReport[] = [];
    await withinTime(config.timeout, interrupted, async (signal) => {
      for (const plan of plans) {
        if (plan.profile !== undefined)
          say(`\nprofile ${plan.profile.name}: ${plan.profile.title}`);
        const report = await measure(plan, { say, rivals }, signal);
        reports.push(report);
        if (saveIn !== undefined) {
          const name = `fleet-${plan.profile?.name ?? "own"}-${plan.options.nodeCount}`;
          say(`kept in ${await saveResult(saveIn, name, report)}`);
        }
        if (!config.json) process.stdout.write(`\n${benchText(report, plan)}\n`);
      }
    });
    if (config.json) {
      const [only] = reports;
      process.stdout.write(`${JSON.stringify(reports.length === 1 ? only : { reports })}\n`);
    }
  },
  { isUntidy: true },
);

async function measure(
  plan: BenchPlan,
  deps: { readonly say: Say; readonly rivals: readonly RivalAt[] },
  signal: AbortSignal,
): Promise<BenchReport> {
  const loadBefore = loadAverage();
  const measured_at = new Date(systemCalendar()).toISOString();
  const outcome = await runFleetBench(plan.options, { clock: systemClock, ...deps }, signal);
  return benchReport(plan, outcome, {
    measured_at,
    machine: {
      ...describeMachine(),
      load_average_before: loadBefore,
      load_average_after: loadAverage(),
    },
    commit: await describeCommit(),
    versions: await versionsOf({ nginx: "-v", curl: "--version", tc: "-V" }),
  });
}
