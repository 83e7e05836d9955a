import { execFile } from "node:child_process";
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";

import { VERSION } from "../../platform/version.ts";

const run = promisify(execFile);
const NO_RESULTS = ":(top,exclude)bench/results";

/** The machine that something was measured on. */
export interface MachineDescription {
  readonly processor: string;
  readonly cores: number;
  readonly architecture: string;
  readonly memory_bytes: number;
  readonly kernel: string;
}

export function describeMachine(): MachineDescription {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    architecture: arch(),
    memory_bytes: totalmem(),
    kernel: release(),
  };
}

/** Processes that could run during the last minute, on average. More than there are cores spoils figures. */
export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/**
 * The commit of this checkout, with "+changes" when files differ from it, those of results left out; null where there is
 * no git.
 */
export async function describeCommit(): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", ["-C", import.meta.dirname, ...args])).stdout.trim();
  try {
    const hash = await git("rev-parse", "HEAD");
    return (await git("status", "--porcelain", "--", ":(top)", NO_RESULTS)) === ""
      ? hash
      : `${hash}+changes`;
  } catch {
    return null;
  }
}

/** The versions of Darter, of Node and of programs, each asked by the flag that makes it tell its version. */
export async function versionsOf(
  flags: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, string>>> {
  const told = await Promise.all(
    Object.entries(flags).map(async ([command, flag]) => [command, await toldBy(command, flag)]),
  );
  return { darter: VERSION, node: process.version, ...Object.fromEntries(told) };
}

async function toldBy(command: string, flag: string): Promise<string> {
  // Some programs tell their version on standard error.
  const said = await run(command, [flag]).then(({ stdout, stderr }) => stdout + stderr);
  return /\d+(?:\.\d+)+/.exec(said)?.[0] ?? "unknown";
}
