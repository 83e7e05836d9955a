import { resolve } from "node:path";

import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { standardError, standardOutput } from "../../platform/output.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { dfgetDefinition } from "../config.ts";
import { socketPathOf } from "../daemon/socket-path.ts";
import { dataDirOf, supernodeUrlOf } from "../node-places.ts";
import { DaemonEngine } from "./daemon-engine.ts";
import type { DaemonSettings } from "./daemon-process.ts";
import { DeliveryPace } from "./delivery-pace.ts";
import { DownloadBatch } from "./download-batch.ts";
import type { BatchDeps } from "./download-batch.ts";
import type { FoundFiles } from "../source/find-files.ts";
import type { DfgetConfig } from "./download-plan.ts";
import { planDownloads } from "./download-plan.ts";
import { endingSignal } from "./ending-signal.ts";
import { makePlaces } from "./new-places.ts";
import { watchArrival } from "./arrival.ts";
import { isDirect } from "./option-conflicts.ts";
import { paintOf, wantsColour } from "./paint.ts";
import type { BatchSummary, Reporter } from "./reporter.ts";
import { openTarget } from "./short-target.ts";
import { streamTarget } from "./target-stream.ts";
import { quietReporter, textReporter } from "./text-reporter.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What is longer runs for long, and V8 forgets the code of what was called long ago. */
const USUAL_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Runs `dfget URL...`. Resolves to whether that has called what most commands call: whether it has brought one file, of no great length,
 * by way of the daemon. Throws UserError with the sentence and the exit code of a failure.
 */
export async function runDownload(
  argv: readonly string[],
  env: Environment,
  mainFile: string,
  signal: AbortSignal,
): Promise<boolean> {
  const loaded = loadConfig(dfgetDefinition, { argv: await ourArguments(argv, env), env });
  if (loaded.request !== undefined) {
    const { answerRequest } = await import("../../platform/config-text.ts");
    standardOutput().write(answerRequest(dfgetDefinition, loaded));
    return false;
  }
  const { config } = loaded;
  using ending = endingSignal(config.timeout, signal);
  using saying = await reporterOf(config, loaded.positionals, env);
  const reporter = watchArrival(saying);
  const startedMs = systemClock.nowMs();
  try {
    const deps = { env, mainFile, reporter };
    const summary = await download(config, loaded.positionals, deps, ending.signal);
    if (config.console) {
      const { successLine } = await import("./v1/result-line.ts");
      standardOutput().write(successLine(config, summary));
    }
    return summary.finished === 1 && summary.lengthBytes <= USUAL_BYTES_MAX && !isDirect(config);
  } catch (error) {
    const failure = ending.explain(error, reporter.hasArrived);
    if (failure instanceof UserError) {
      const { exitCode, message } = failure;
      reporter.failed({ exitCode, message });
      if (config.console) {
        const { failureLine } = await import("./v1/result-line.ts");
        const durationMs = systemClock.nowMs() - startedMs;
        standardOutput().write(failureLine(config, { exitCode, message, durationMs }));
      }
    }
    throw failure;
  }
}

/** A command line of Dragonfly 1, which gives the URL by a flag, is put into our words. */
async function ourArguments(argv: readonly string[], env: Environment): Promise<readonly string[]> {
  if (!argv.some((word) => /^(?:-u|--url)/.test(word))) return argv;
  const { isV1CommandLine, translateV1Arguments } = await import("./v1/v1-arguments.ts");
  if (!isV1CommandLine(argv)) return argv;
  const { withV1Config } = await import("./v1/v1-config.ts");
  return withV1Config(translateV1Arguments(argv), env);
}

interface DownloadDeps {
  readonly env: Environment;
  readonly mainFile: string;
  readonly reporter: Reporter;
}

async function download(
  config: DfgetConfig,
  positionals: readonly string[],
  deps: DownloadDeps,
  signal: AbortSignal,
): Promise<BatchSummary> {
  const urls = await wantedUrls(config, positionals, signal);
  if (/\.tar$/i.test(config.output ?? "")) {
    const { archivePathOf, downloadArchive } = await import("./image-archive.ts");
    const path = archivePathOf(config, urls);
    if (path !== undefined) {
      return await downloadArchive(
        path,
        urls[0]!,
        config,
        { reporter: deps.reporter, signal },
        async (inner) => await downloadFiles(inner, urls, deps, signal),
      );
    }
  }
  return await downloadFiles(config, urls, deps, signal);
}

async function downloadFiles(
  config: DfgetConfig,
  urls: readonly string[],
  deps: DownloadDeps,
  signal: AbortSignal,
): Promise<BatchSummary> {
  const startedMs = systemClock.nowMs();
  const found = await wantedFiles(config, urls, deps.env, signal);
  await using way = await wayOf(config, deps, startedMs, found.files.length > 1, signal);
  const plans = planDownloads(config, found.files, deps.env);
  for (const note of found.notes) deps.reporter.note(note);
  const batch = new DownloadBatch({
    reporter: deps.reporter,
    clock: systemClock,
    pace: new DeliveryPace(config.limitRate, systemClock),
    retries: config.retry,
    // Of several files on one stream the second begins where the first has ended.
    parallel: config.output === "-" ? 1 : config.parallel,
    begin: way.begin,
  });
  await using _places = await makePlaces(plans, found);
  return await batch.run(plans, signal);
}

async function wantedUrls(
  { input }: DfgetConfig,
  positionals: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const listed =
    input === undefined ? [] : await (await import("./url-list.ts")).readUrlList(input, signal);
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
): Promise<FoundFiles> {
  if (!config.recursive && urls.every((url) => /^https?:/i.test(url))) {
    return plainFiles(urls);
  }
  const { findFiles, needsSource } = await import("../source/find-files.ts");
  if (!needsSource(config, urls)) return plainFiles(urls);
  return await findFiles(config, urls, env, signal);
}

function plainFiles(urls: readonly string[]): FoundFiles {
  const files = urls.map((url) => ({ url }));
  return { files, directories: new Set(), contents: [], notes: [] };
}

/** How files are got: through the daemon, or from the origin itself. */
async function wayOf(
  config: DfgetConfig,
  { env, mainFile }: { readonly env: Environment; readonly mainFile: string },
  startedMs: number,
  isBatch: boolean,
  signal: AbortSignal,
): Promise<AsyncDisposable & Pick<BatchDeps, "begin">> {
  if (isDirect(config)) {
    const { directWay } = await import("./direct/direct-way.ts");
    return directWay(config);
  }
  const settings = daemonSettings(config, env, mainFile);
  const engine = new DaemonEngine(settings, isBatch, config.recursive ? startedMs : undefined);
  await engine.prepare(signal);
  return {
    begin: async (plan, until) => ({
      engine,
      target:
        plan.output.kind === "stdout"
          ? streamTarget(standardOutput(), "standard output")
          : await openTarget(plan.output.path, until),
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
    return jsonReporter(standardOutput(), nowMs);
  }
  const isOne = positionals.length === 1 && config.input === undefined;
  if (config.quiet) return quietReporter(isOne ? undefined : standardError());
  const stream = standardError();
  const paint = paintOf(wantsColour(config.color, stream.isTTY, env));
  return textReporter({ stream, paint, nowMs, terminal: env["TERM"] });
}
