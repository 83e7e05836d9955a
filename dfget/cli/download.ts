import { resolve } from "node:path";
import type { Static } from "typebox";

import type { Clock } from "../../platform/clock.ts";
import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { dfgetConfigSchema } from "../config.ts";
import { dfgetDefinition } from "../config.ts";
import type { DaemonStatus } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { socketPathOf } from "../daemon/socket-path.ts";
import { DaemonAbsentError, DaemonClient } from "./daemon-client.ts";
import type { DaemonSettings } from "./daemon-process.ts";
import { startDaemonProcess } from "./daemon-process.ts";
import { ensureDaemon } from "./daemon-start.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { planDownload } from "./download-plan.ts";
import { endingSignal } from "./ending-signal.ts";
import { jsonReporter } from "./json-reporter.ts";
import { receiveDownload } from "./receive-download.ts";
import type { Reporter } from "./reporter.ts";
import { openTargetFile } from "./target-file.ts";
import type { Target } from "./target-file.ts";
import { streamTarget } from "./target-stream.ts";
import { quietReporter, textReporter } from "./text-reporter.ts";
import { dataDirOf, supernodeUrlOf } from "../node-places.ts";

/** A daemon that leaves at the very moment it is asked is met once; more often means a defect. */
const ATTEMPTS_MAX = 3;

type Config = Static<typeof dfgetConfigSchema>;

/** Runs `dfget URL`. Throws UserError with the sentence and the exit code of a failure. */
export async function runDownload(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  mainFile: string,
  signal: AbortSignal,
): Promise<void> {
  const loaded = loadConfig(dfgetDefinition, { argv, env });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(dfgetDefinition, loaded));
    return;
  }
  const { config } = loaded;
  using ending = endingSignal(config.timeout, signal);
  using reporter = reporterOf(config, systemClock);
  try {
    const plan = planDownload(config, loaded.positionals);
    const settings = daemonSettings(config, env, mainFile);
    await download(plan, settings, reporter, ending.signal);
  } catch (error) {
    const failure = ending.explain(error);
    if (failure instanceof UserError) {
      reporter.failed({ exitCode: failure.exitCode, message: failure.message });
    }
    throw failure;
  }
}

async function download(
  plan: DownloadPlan,
  settings: DaemonSettings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = systemClock.nowMs();
  // First of all, so that a target that cannot be written costs nobody a byte.
  await using target = await openTarget(plan, signal);
  const client = new DaemonClient(settings.socketPath);
  const parts = await beginDownload(client, plan, settings, reporter, signal);
  const received = await receiveDownload(
    parts,
    { target, reporter, clock: systemClock, plan, socketPath: settings.socketPath },
    signal,
  );
  await target.commit();
  reporter.finished({
    ...received,
    name: plan.name,
    output: plan.outputText,
    durationMs: systemClock.nowMs() - startedMs,
  });
}

async function beginDownload(
  client: DaemonClient,
  plan: DownloadPlan,
  settings: DaemonSettings,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<AsyncGenerator<DownloadPart>> {
  const deps = {
    clock: systemClock,
    status: async (signal: AbortSignal) => await client.status(signal),
    start: async () => await startDaemonProcess(settings),
  };
  for (let attempt = 1; ; attempt++) {
    const status = await ensureDaemon(settings.socketPath, deps, signal);
    if (attempt === 1) noteOtherSupernodes(status, settings, reporter);
    try {
      return await client.download(plan.request, signal);
    } catch (error) {
      if (!(error instanceof DaemonAbsentError)) throw error;
      if (attempt < ATTEMPTS_MAX) continue;
      throw new UserError(
        EXIT.daemonUnavailable,
        `the daemon at ${settings.socketPath} went away ${ATTEMPTS_MAX} times without an answer; see its log in ${settings.dataDir}`,
        error,
      );
    }
  }
}

function noteOtherSupernodes(
  status: DaemonStatus,
  settings: DaemonSettings,
  reporter: Reporter,
): void {
  const others = settings.supernodeUrls.filter((url) => !status.supernodes.includes(url));
  if (others.length === 0) return;
  const used =
    status.supernodes.length === 0 ? "without any" : `with ${status.supernodes.join(", ")}`;
  reporter.note(
    `the daemon at ${settings.socketPath} runs ${used}, so ${others.join(", ")} is not asked`,
  );
}

async function openTarget(plan: DownloadPlan, signal: AbortSignal): Promise<Target> {
  return plan.output.kind === "stdout"
    ? streamTarget(process.stdout, "standard output")
    : await openTargetFile(plan.output.path, signal);
}

function daemonSettings(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
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

function reporterOf(config: Config, clock: Clock): Reporter {
  const nowMs = (): number => clock.nowMs();
  if (config.json) return jsonReporter(process.stdout, nowMs);
  return config.quiet ? quietReporter : textReporter(process.stderr, nowMs);
}
