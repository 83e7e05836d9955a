import { existsSync } from "node:fs";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { findTool, missingTools, TOOL_PACKAGES } from "./machine-tools.ts";
import { mustRun, runCommand } from "./run-command.ts";

const POLICY = "/usr/sbin/policy-rc.d";
const OWN_POLICY =
  "#!/bin/sh\n# Made for the tests of Darter: packages must not start services.\nexit 101\n";

/** Whether packages can be installed here: Debian or a relative of it, as root. */
export async function canInstallPackages(): Promise<boolean> {
  return process.getuid?.() === 0 && (await findTool("apt-get")) !== undefined;
}

/** Installs what the tests need and the machine lacks, without starting any service. */
export async function installMissingPackages(): Promise<void> {
  const packages: Set<string> = new Set((await missingTools()).map((tool) => TOOL_PACKAGES[tool]));
  const canMakeProgram = (await findTool("gcc")) ?? (await findTool("busybox"));
  if (canMakeProgram === undefined) packages.add("busybox-static");
  if (packages.size === 0) return;
  await using _policy = await holdServices();
  const names = [...packages];
  if ((await aptInstall(names)).code === 0) return;
  await apt(["update"]);
  const second = await aptInstall(names);
  if (second.code !== 0) {
    throw new Error(`apt-get could not install ${names.join(", ")}\n${second.stderr}`);
  }
}

async function aptInstall(names: readonly string[]): ReturnType<typeof runCommand> {
  return await runCommand({
    ...aptCommand(["install", "-y", "--no-install-recommends", ...names]),
  });
}

async function apt(args: readonly string[]): Promise<void> {
  await mustRun(aptCommand(args));
}

function aptCommand(args: readonly string[]): Parameters<typeof runCommand>[0] {
  return {
    command: "apt-get",
    args: ["-o", "DPkg::Lock::Timeout=120", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    timeoutMs: 300_000,
  };
}

/** Until disposed, packages may not start services; a policy that the machine has already stays as it is. */
async function holdServices(): Promise<AsyncDisposable> {
  const isOurs = !existsSync(POLICY) || (await readFile(POLICY, "utf8")) === OWN_POLICY;
  if (isOurs) {
    await writeFile(POLICY, OWN_POLICY);
    await chmod(POLICY, 0o755);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (isOurs) await rm(POLICY, { force: true });
    },
  };
}
