import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Static, TBoolean, TInteger, TObject, TOptional, TString } from "typebox";

import { systemCalendar } from "../../platform/calendar.ts";
import type { ProgramDefinition } from "../../platform/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { duration, optionalText, toggle } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { lockBench } from "./bench-lock.ts";
import type { BenchFrame, BenchMeasurement, BenchResult } from "./bench-result.ts";
import { describeCommit, describeMachine, loadAverage, versionsOf } from "./machine-description.ts";
import { RESULTS_DIRECTORY, requireResultsDirectory, saveResult } from "./result-file.ts";
import { withinTime } from "./time-limit.ts";

/** The options that every bench has. */
export type CommonOptions = {
  json: TBoolean;
  output: TOptional<TString>;
  save: TBoolean;
  timeout: TInteger;
};

/** Makes the options that every bench has; `timeoutMs` is what it may take unless told otherwise. */
export function commonOptions(timeoutMs: number): CommonOptions {
  return {
    json: toggle({ default: false, description: "one JSON object on standard output" }),
    output: optionalText({
      placeholder: "FILE",
      description: "write the JSON object into this file as well",
    }),
    save: toggle({
      default: false,
      description: "keep the result in bench/results, for bench:report",
    }),
    timeout: duration({
      default: timeoutMs,
      minimum: 1000,
      description: "the most that everything may take",
    }),
  };
}

/** What a bench gets to run with. */
export interface BenchRun {
  /** Says a sentence to the person who waits; nothing with `--json`. */
  readonly say: (sentence: string) => void;
  /** Aborted when the bench is interrupted or takes too long. */
  readonly signal: AbortSignal;
}

/** A bench: what is told of it, how it measures, and how people read what it measured. */
export interface Bench<
  Schema extends TObject<CommonOptions>,
  Options extends object,
  Figures extends object,
> {
  /** `load` for `npm run bench:load`. */
  readonly name: string;
  readonly definition: ProgramDefinition<Schema>;
  /** Checks the options against each other and against the machine. Throws UserError (usage). */
  options(config: Static<Schema>): Options | Promise<Options>;
  /** The seed among the options; null where nothing is random. */
  seed(options: Options): number | null;
  /** Programs that take part, and the flags by which they tell their versions. */
  readonly versionFlags: Readonly<Record<string, string>>;
  /** Measures; has closed and removed all that it opened and made when it returns or throws. */
  measure(options: Options, run: BenchRun): Promise<BenchMeasurement<Figures>>;
  text(result: BenchResult<Figures>): string;
}

/** Runs a bench as a program: options, lock, signals, time limit, result. */
export async function runBench<
  Schema extends TObject<CommonOptions>,
  Options extends object,
  Figures extends object,
>(bench: Bench<Schema, Options, Figures>): Promise<void> {
  const { name, definition } = bench;
  await runProgram(
    `bench:${name}`,
    async (interrupted) => {
      const loaded = loadConfig(definition, { argv: process.argv.slice(2), env: process.env });
      if (loaded.request !== undefined) {
        process.stdout.write(answerRequest(definition, loaded));
        return;
      }
      const { config } = loaded;
      const { json, output, save, timeout } = config as Static<TObject<CommonOptions>>;
      const options = await bench.options(config);
      if (output !== undefined) await requireWritable(output);
      if (save) await requireResultsDirectory(RESULTS_DIRECTORY);
      await using _lock = await lockBench(name);
      const say = (sentence: string): void => {
        if (!json) process.stderr.write(`${sentence}\n`);
      };
      const result = await withinTime(
        timeout,
        interrupted,
        async (signal) => await measured(bench, options, { say, signal }),
      );
      if (output !== undefined) await writeFile(output, `${JSON.stringify(result, null, 2)}\n`);
      if (save) say(`kept in ${await saveResult(RESULTS_DIRECTORY, name, result)}`);
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : `\n${bench.text(result)}\n`);
    },
    { isUntidy: true },
  );
}

async function measured<
  Schema extends TObject<CommonOptions>,
  Options extends object,
  Figures extends object,
>(
  bench: Bench<Schema, Options, Figures>,
  options: Options,
  run: BenchRun,
): Promise<BenchResult<Figures>> {
  const measured_at = new Date(systemCalendar()).toISOString();
  const loadBefore = loadAverage();
  const { figures, samples } = await bench.measure(options, run);
  const frame: BenchFrame = {
    bench: bench.name,
    measured_at,
    options: { ...options } as Record<string, unknown>,
    seed: bench.seed(options),
    machine: {
      ...describeMachine(),
      load_average_before: loadBefore,
      load_average_after: loadAverage(),
    },
    commit: await describeCommit(),
    versions: await versionsOf(bench.versionFlags),
    samples,
  };
  return { ...figures, ...frame };
}

/** A result that cannot be written is better known before the measuring than after it. */
async function requireWritable(path: string): Promise<void> {
  try {
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory()) throw new Error("it is a directory");
    await access(info ? path : dirname(path), constants.W_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: "the directory is not there",
      EACCES: "it may not be written to",
    };
    throw new UserError(
      EXIT.localFile,
      `--output ${path}: ${reasons[code ?? ""] ?? message}`,
      error,
    );
  }
}
