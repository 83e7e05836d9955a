import { loadConfig } from "../../../platform/config.ts";
import type { ProgramDefinition } from "../../../platform/config.ts";
import { DaemonClient } from "../daemon-client.ts";
import { startDaemon } from "../daemon-engine.ts";
import type { DaemonSettings } from "../daemon-process.ts";
import { daemonSettings } from "../download.ts";
import type { CacheCommand, CacheConfig, ImportConfig, LimitsConfig } from "./cache-config.ts";
import { cacheDefinitions } from "./cache-config.ts";

/** What a command about the cache works with. */
export interface CacheCall {
  readonly client: DaemonClient;
  readonly settings: DaemonSettings;
  readonly isJson: boolean;
  readonly operands: readonly string[];
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

/** Commands that tell of the node as it is, and do not start a daemon to ask. */
const LOOKING: ReadonlySet<CacheCommand> = new Set(["peers", "limits", "doctor"]);

/** Runs `dfget ls` and the like. Throws UserError with the sentence and the exit code of a failure. */
export async function runCache(
  command: CacheCommand,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  mainFile: string,
  signal: AbortSignal,
): Promise<void> {
  const definition = cacheDefinitions[command] as ProgramDefinition<
    (typeof cacheDefinitions)["ls" | "import" | "limits"]["schema"]
  >;
  const loaded = loadConfig(definition, { argv, env });
  if (loaded.request !== undefined) {
    const { answerRequest } = await import("../../../platform/config-text.ts");
    process.stdout.write(answerRequest(definition, loaded));
    return;
  }
  const config = loaded.config as CacheConfig & Partial<ImportConfig & LimitsConfig>;
  const settings = daemonSettings(config, env, mainFile);
  const client = new DaemonClient(settings.socketPath);
  const call: CacheCall = {
    client,
    settings,
    isJson: config.json,
    operands: loaded.positionals,
    signal,
    print: (text) => void process.stdout.write(`${text}\n`),
  };
  if (!LOOKING.has(command)) await ensureDaemonFor(call);
  await dispatch(command, call, config);
}

async function ensureDaemonFor({ client, settings, signal }: CacheCall): Promise<void> {
  await startDaemon(client, settings, signal);
}

async function dispatch(
  command: CacheCommand,
  call: CacheCall,
  config: Partial<ImportConfig & LimitsConfig>,
): Promise<void> {
  switch (command) {
    case "ls":
      return await (await import("./task-listing.ts")).listTasks(call);
    case "stat":
      return await (await import("./task-listing.ts")).showTasks(call);
    case "rm":
    case "pin":
    case "unpin":
      return await (await import("./task-change.ts")).changeTasks(command, call);
    case "import":
      return await (await import("./file-import.ts")).importFile(call, config.name);
    case "export":
      return await (await import("./file-export.ts")).exportTask(call);
    case "peers":
      return await (await import("./neighbour-listing.ts")).listNeighbours(call);
    case "limits":
      return await (await import("./rate-limits.ts")).showLimits(call, config);
    case "doctor":
      return await (await import("./doctor.ts")).examine(call);
    default:
      command satisfies never;
  }
}
