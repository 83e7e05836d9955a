import { resolve } from "node:path";

import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { dfgetDefinition } from "../config.ts";
import { socketPathOf } from "../daemon/socket-path.ts";
import { dataDirOf, supernodeUrlOf } from "../node-places.ts";
import { DaemonEngine } from "./daemon-engine.ts";
import type { DaemonSettings } from "./daemon-process.ts";
import { DeliveryPace } from "./delivery-pace.ts";
import { DownloadBatch } from "./download-batch.ts";
import type { BatchDeps } from "./download-batch.ts";
import type { WantedFile } from "../source/source.ts";
import type { DfgetConfig } from "./download-plan.ts";
import { planDownloads } from "./download-plan.ts";
import { endingSignal } from "./ending-signal.ts";
import { isDirect } from "./option-conflicts.ts";
import { paintOf, wantsColour } from "./paint.ts";
import type { BatchSummary, Reporter } from "./reporter.ts";
import { openTargetFile } from "./target-file.ts";
import { streamTarget } from "./target-stream.ts";
import { quietReporter, textReporter } from "./text-reporter.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs `dfget URL...`. Throws UserError with the sentence and the exit code of a failure. */
export async function runDownload(
  argv: readonly string[],
  env: Environment,
  mainFile: string,
  signal: AbortSignal,
): Promise<void> {
  const loaded = loadConfig(dfgetDefinition, { argv: await ourArguments(argv), env });
  if (loaded.request !== undefined) {
    const { answerRequest } = await import("../../platform/config-text.ts");
    process.stdout.write(answerRequest(dfgetDefinition, loaded));
    return;
  }
  const { config } = loaded;
  using ending = endingSignal(config.timeout, signal);
  using reporter = await reporterOf(config, loaded.positionals, env);
  const startedMs = systemClock.nowMs();
  try {
    const deps = { env, mainFile, reporter };
    const summary = await download(config, loaded.positionals, deps, ending.signal);
    if (config.console) {
      const { successLine } = await import("./v1/result-line.ts");
      process.stdout.write(successLine(config, summary));
    }
  } catch (error) {
    const failure = ending.explain(error);
    if (failure instanceof UserError) {
      const { exitCode, message } = failure;
      reporter.failed({ exitCode, message });
      if (config.console) {
        const { failureLine } = await import("./v1/result-line.ts");
        const durationMs = systemClock.nowMs() - startedMs;
        process.stdout.write(failureLine(config, { exitCode, message, durationMs }));
      }
    }
    throw failure;
  }
}

/** A command line of Dragonfly 1, which gives the URL by a flag, is put into our words. */
async function ourArguments(argv: readonly string[]): Promise<readonly string[]> {
  if (!argv.some((word) => /^(?:-u|--url)/.test(word))) return argv;
  const { isV1CommandLine, translateV1Arguments } = await import("./v1/v1-arguments.ts");
  return isV1CommandLine(argv) ? translateV1Arguments(argv) : argv;
}

async function download(
  config: DfgetConfig,
  positionals: readonly string[],
  deps: { readonly env: Environment; readonly mainFile: string; readonly reporter: Reporter },
  signal: AbortSignal,
): Promise<BatchSummary> {
  const urls = await wantedUrls(config, positionals);
  const plans = planDownloads(config, await wantedFiles(config, urls, deps.env, signal), deps.env);
  await using way = await wayOf(config, deps.env, deps.mainFile);
  const batch = new DownloadBatch({
    reporter: deps.reporter,
    clock: systemClock,
    pace: new DeliveryPace(config.limitRate, systemClock),
    retries: config.retry,
    // Of several files on one stream the second begins where the first has ended.
    parallel: config.output === "-" ? 1 : config.parallel,
    begin: way.begin,
  });
  return await batch.run(plans, signal);
}

async function wantedUrls(
  { input }: DfgetConfig,
  positionals: readonly string[],
): Promise<string[]> {
  const listed = input === undefined ? [] : (await import("./url-list.ts")).readUrlList(input);
  const urls = [...new Set([...positionals, ...listed])];
  if (urls.length > 0) return urls;
  throw new UserError(EXIT.usage, "there is no URL to download; see dfget --help");
}

/** The files that URLs stand for: most of the time each is one. */
async function wantedFiles(
  config: DfgetConfig,
  urls: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<readonly WantedFile[]> {
  if (!config.recursive && urls.every((url) => /^https?:/i.test(url))) {
    return urls.map((url) => ({ url }));
  }
  const { findFiles, needsSource } = await import("../source/find-files.ts");
  if (!needsSource(config, urls)) return urls.map((url) => ({ url }));
  return await findFiles(config, urls, env, signal);
}

/** How files are got: through the daemon, or from the origin itself. */
async function wayOf(
  config: DfgetConfig,
  env: Environment,
  mainFile: string,
): Promise<AsyncDisposable & Pick<BatchDeps, "begin">> {
  if (isDirect(config)) {
    const { directWay } = await import("./direct/direct-way.ts");
    return directWay(config);
  }
  const engine = new DaemonEngine(daemonSettings(config, env, mainFile));
  return {
    begin: async (plan, signal) => ({
      engine,
      target:
        plan.output.kind === "stdout"
          ? streamTarget(process.stdout, "standard output")
          : await openTargetFile(plan.output.path, signal),
    }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** What the daemon is found by, and started with. */
export function daemonSettings(
  config: Pick<DfgetConfig, "dataDir" | "socket" | "supernode" | "allowOrigin" | "idleExit">,
  env: Environment,
  mainFile: string,
): DaemonSettings {
  const dataDir = resolve(dataDirOf(config.dataDir, env));
  return {
    mainFile,
    dataDir,
    socketPath: socketPathOf(config.socket, dataDir, env),
    supernodeUrls: config.supernode.map(supernodeUrlOf),
    allowOrigins: config.allowOrigin,
    idleExitMs: config.idleExit,
  };
}

async function reporterOf(
  config: DfgetConfig,
  positionals: readonly string[],
  env: Environment,
): Promise<Reporter> {
  const nowMs = (): number => systemClock.nowMs();
  if (config.json) {
    const { jsonReporter } = await import("./json-reporter.ts");
    return jsonReporter(process.stdout, nowMs);
  }
  const isOne = positionals.length === 1 && config.input === undefined;
  if (config.quiet) return quietReporter(isOne ? undefined : process.stderr);
  const stream = process.stderr;
  const paint = paintOf(wantsColour(config.color, stream.isTTY, env));
  return textReporter({ stream, paint, nowMs });
}
