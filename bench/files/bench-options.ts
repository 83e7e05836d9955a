import { access } from "node:fs/promises";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { builtProgram } from "../../test/harness/darter-programs.ts";
import { probeMachine } from "../../test/harness/machine-capabilities.ts";
import type { Need } from "../../test/harness/machine-capabilities.ts";
import type { FilesBenchConfig, Part } from "./bench-config.ts";
import { PARTS } from "./bench-config.ts";

/** What is measured, checked and complete. */
export interface FilesBenchOptions {
  readonly parts: readonly Part[];
  readonly fileCount: number;
  readonly nodeCount: number;
  readonly filesAtOnce: number;
  readonly roundTripMs: number;
  readonly linkMbit: number;
  readonly rounds: number;
  readonly runs: number;
  readonly seed: number;
}

/** The command line that is measured: the one that people run, not the sources. */
export const BUILT_DFGET = builtProgram("dfget");

const TREE_NEEDS: readonly Need[] = ["linux", "nginx", "wget", "time"];
const HOST_NEEDS: readonly Need[] = ["namespaces", "ip", "tc", "nsenter"];
const SINGLE_NEEDS: readonly Need[] = ["linux", "nginx", "curl"];

/** Checks the options against each other. Throws UserError (usage) with one sentence that names the flag. */
export function filesOptionsOf(config: FilesBenchConfig): FilesBenchOptions {
  for (const name of config.part) {
    if (PARTS.some((part) => part === name)) continue;
    throw new UserError(
      EXIT.usage,
      `--part must be one of ${PARTS.join(", ")}, not ${JSON.stringify(name)}; see npm run bench:files -- --help`,
    );
  }
  return {
    parts: config.part.length === 0 ? PARTS : PARTS.filter((part) => config.part.includes(part)),
    fileCount: config.files,
    nodeCount: config.nodes,
    filesAtOnce: config.atOnce,
    roundTripMs: config.roundTrip,
    linkMbit: config.linkRate,
    rounds: config.rounds,
    runs: config.runs,
    seed: config.seed,
  };
}

/** Throws UserError (usage) with everything that the wanted parts lack on this machine, in one line. */
export async function requireFilesMachine({ parts }: FilesBenchOptions): Promise<void> {
  const needs = new Set<Need>();
  if (parts.some((part) => part !== "single")) TREE_NEEDS.forEach((need) => needs.add(need));
  if (parts.includes("hosts") || parts.includes("far")) {
    HOST_NEEDS.forEach((need) => needs.add(need));
  }
  if (parts.includes("single")) SINGLE_NEEDS.forEach((need) => needs.add(need));
  await requireBuild();
  const { missing } = await probeMachine();
  const reasons = [...needs].map((need) => missing[need]).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return;
  throw new UserError(
    EXIT.usage,
    `the files bench lacks on this machine: ${reasons.join("; ")}; --part chooses what can be measured`,
  );
}

async function requireBuild(): Promise<void> {
  try {
    await access(BUILT_DFGET);
  } catch (error) {
    throw new UserError(
      EXIT.usage,
      "the built programs are measured, and they are not there; run npm run build before",
      error,
    );
  }
}
