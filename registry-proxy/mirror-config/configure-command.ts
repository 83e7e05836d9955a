import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { repeated } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { serverUrlOption } from "../../platform/option-value.ts";
import { isRegistryName } from "../upstream/upstream-list.ts";
import { planBuildkit } from "./buildkit-config.ts";
import { ConfigJournal } from "./config-journal.ts";
import { planContainerd } from "./containerd-config.ts";
import { planContainers } from "./containers-config.ts";
import { planDocker } from "./docker-config.ts";
import { planK3s } from "./k3s-config.ts";
import type { MirrorWish, ReadFile, Runtime, RuntimePlan, RuntimeVersion } from "./runtime-plan.ts";
import { RUNTIMES, cannot, parseVersion } from "./runtime-plan.ts";
import { textDiff } from "./text-diff.ts";

const configureSchema = Type.Object({
  registry: repeated({
    description: "a registry to use the mirror for, as images name it: docker.io, host:port",
    placeholder: "HOST",
  }),
  all: Type.Boolean({ default: false, description: "use the mirror for every registry" }),
  mirror: Type.String({
    default: "http://127.0.0.1:65001",
    description: "where the mirror is",
    placeholder: "URL",
  }),
  dryRun: Type.Boolean({
    default: false,
    description: "show what would change, and change nothing",
  }),
  undo: Type.Boolean({ default: false, description: "put every file back as it was before" }),
  runtimeVersion: Type.Optional(
    Type.String({
      description: "the runtime's version; by default it is asked for its own",
      placeholder: "VERSION",
    }),
  ),
  root: Type.String({
    default: "/",
    description: "the directory in which the files are, for images of machines",
    placeholder: "DIR",
  }),
});

export const configureDefinition: ProgramDefinition<typeof configureSchema> = {
  program: "registry-proxy configure",
  usage: [
    `registry-proxy configure ${RUNTIMES.join("|")} (--registry HOST... | --all) [options]`,
    `registry-proxy configure ${RUNTIMES.join("|")} --undo`,
  ],
  summary: "Tells a container runtime of this machine to ask the mirror first.",
  schema: configureSchema,
  positionalsMax: 1,
};

/** How each runtime is asked for its version. */
const VERSION_COMMANDS: Readonly<Record<Runtime, readonly string[]>> = {
  containerd: ["containerd", "--version"],
  docker: ["dockerd", "--version"],
  podman: ["podman", "--version"],
  crio: ["crio", "--version"],
  k3s: ["k3s", "--version"],
  buildkit: ["buildkitd", "--version"],
};

/** Those whose files do not depend on the version; they need not be installed yet. */
const ANY_VERSION = new Set<Runtime>(["podman", "crio", "k3s", "buildkit"]);

/** Runs `registry-proxy configure`. Throws UserError with one sentence. */
export async function runConfigure(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
): Promise<void> {
  const loaded = loadConfig(configureDefinition, { argv, env });
  if (loaded.request) return print(answerRequest(configureDefinition, loaded));
  const { config } = loaded;
  const runtime = RUNTIMES.find((name) => name === loaded.positionals[0]);
  if (!runtime)
    throw cannot(`name one of ${RUNTIMES.join(", ")}; see registry-proxy configure --help`);
  const journal = new ConfigJournal(config.root, runtime);
  if (config.undo) return await undo(journal, print);
  const wish: MirrorWish = {
    mirrorUrl: serverUrlOption(
      "mirror",
      config.mirror,
      "must be http://127.0.0.1:65001 or the like",
    ).origin,
    registries: wantedRegistries(config),
    version: await versionOf(runtime, config.runtimeVersion),
  };
  const plan = await planFor(runtime, wish, journal.read);
  for (const { path, text } of plan.files) {
    const before = await journal.read(path);
    print(`${before === undefined ? "new" : "changed"}: ${path}\n`);
    for (const line of textDiff(before ?? "", text)) print(`  ${line}\n`);
  }
  if (plan.files.length === 0)
    return print(`${runtime} asks the mirror already; nothing is changed\n`);
  if (config.dryRun) return print("nothing was written, because of --dry-run\n");
  await journal.write(plan.files);
  print(`${plan.afterwards}\nregistry-proxy configure ${runtime} --undo puts everything back.\n`);
}

async function undo(journal: ConfigJournal, print: (text: string) => void): Promise<void> {
  const { restored, left } = await journal.undo();
  for (const path of restored) print(`as it was before: ${path}\n`);
  if (restored.length + left.length === 0) print("there is nothing to undo\n");
  if (left.length === 0) return;
  throw cannot(
    `${left.join(", ")} was changed by somebody else since and is left as it is; take the mirror out by hand`,
  );
}

async function planFor(runtime: Runtime, wish: MirrorWish, read: ReadFile): Promise<RuntimePlan> {
  switch (runtime) {
    case "containerd":
      return await planContainerd(wish, read);
    case "docker":
      return await planDocker(wish, read);
    case "podman":
    case "crio":
      return await planContainers(wish, read, runtime);
    case "k3s":
      return await planK3s(wish, read);
    case "buildkit":
      return await planBuildkit(wish, read);
    default:
      return runtime satisfies never;
  }
}

function wantedRegistries(config: {
  readonly all: boolean;
  readonly registry: readonly string[];
}): MirrorWish["registries"] {
  const { all, registry } = config;
  if (all && registry.length > 0) throw cannot("--all and --registry exclude each other");
  if (all) return "all";
  if (registry.length === 0) throw cannot("name a registry by --registry, or use --all");
  const wrong = registry.find((name) => !isRegistryName(name));
  if (wrong !== undefined)
    throw cannot(`--registry "${wrong}" does not name a registry such as docker.io`);
  return [...new Set(registry)];
}

async function versionOf(runtime: Runtime, told: string | undefined): Promise<RuntimeVersion> {
  if (told !== undefined) {
    const version = parseVersion(told);
    if (version) return version;
    throw cannot(`--runtime-version "${told}" is no version such as 1.7`);
  }
  const [command = "", ...args] = VERSION_COMMANDS[runtime];
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: 10_000 });
    const version = parseVersion(stdout);
    if (version) return version;
  } catch {
    // It may be somewhere else, or not be installed yet.
  }
  if (ANY_VERSION.has(runtime)) return { major: 0, minor: 0 };
  throw cannot(`${command} cannot be asked for its version; tell it by --runtime-version`);
}
