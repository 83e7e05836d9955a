import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { duration } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { serverUrlOption } from "../../platform/option-value.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { probePull } from "./probe-pull.ts";
import { findRuntimes } from "./runtime-findings.ts";

const doctorSchema = Type.Object({
  mirror: Type.String({
    default: "http://127.0.0.1:65001",
    description: "where the mirror is",
    placeholder: "URL",
  }),
  image: Type.String({
    default: "docker.io/library/hello-world:latest",
    description: "an image that is pulled through the mirror to try it; empty for none",
    placeholder: "IMAGE",
  }),
  timeout: duration({ default: 30_000, description: "how long that may take" }),
  root: Type.String({
    default: "/",
    description: "the directory in which the runtimes' files are",
    placeholder: "DIR",
  }),
});

export const doctorDefinition: ProgramDefinition<typeof doctorSchema> = {
  program: "registry-proxy doctor",
  usage: ["registry-proxy doctor [options]"],
  summary: "Says whether the mirror of this machine works, and who uses it.",
  schema: doctorSchema,
  positionalsMax: 0,
};

/** Runs `registry-proxy doctor`. Throws UserError when something does not work. */
export async function runDoctor(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
): Promise<void> {
  const loaded = loadConfig(doctorDefinition, { argv, env });
  if (loaded.request) return print(answerRequest(doctorDefinition, loaded));
  const { config } = loaded;
  const mirror = new URL(serverUrlOption("mirror", config.mirror, "must be a URL").origin);
  const report = new Report(print);
  const signal = AbortSignal.timeout(config.timeout);
  if (await checkMirror(mirror, report, signal)) {
    await checkSwarm(mirror, report, signal);
    if (config.image !== "") await checkPull(mirror, config.image, report, signal);
  }
  const findings = await findRuntimes(config.root, mirror.host);
  for (const { runtime, files } of findings) {
    if (files.length > 0) report.ok(`${runtime}: asks the mirror, by ${files.join(", ")}`);
  }
  if (findings.every(({ files }) => files.length === 0)) {
    report.problem("no runtime asks the mirror; see registry-proxy configure --help");
  }
  if (report.problemCount === 0) return;
  throw new UserError(EXIT.daemonUnavailable, `problems found: ${report.problemCount}`);
}

class Report {
  readonly #print: (text: string) => void;
  problemCount = 0;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  ok(text: string): void {
    this.#print(`ok       ${text}\n`);
  }

  problem(text: string): void {
    this.problemCount += 1;
    this.#print(`PROBLEM  ${text}\n`);
  }
}

async function checkMirror(mirror: URL, report: Report, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(new URL("/healthz", mirror), { signal });
    await answer.text();
    if (answer.ok) {
      report.ok(`the mirror answers at ${mirror.origin}`);
      return true;
    }
    report.problem(`something else than a mirror answers at ${mirror.origin}`);
  } catch (error) {
    report.problem(
      `nothing answers at ${mirror.origin}: ${reasonOf(error)}; is registry-proxy running?`,
    );
  }
  return false;
}

async function checkSwarm(mirror: URL, report: Report, signal: AbortSignal): Promise<void> {
  const text = await (await fetch(new URL("/metrics", mirror), { signal })).text();
  const figure = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  if (figure("darter_supernode_connected") === 1) report.ok("the supernode is connected");
  else report.problem("no supernode is connected; check --supernode and whether it runs");
  report.ok(`connections to other nodes now: ${figure("darter_neighbours")}`);
  report.ok(`bytes of images kept here: ${figure("darter_stored_bytes")}`);
}

async function checkPull(
  mirror: URL,
  image: string,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const each of await probePull(mirror.origin, image, signal)) {
      const { what, source, lengthBytes, durationMs } = each;
      report.ok(`${image} ${what}: ${lengthBytes} bytes from ${source} in ${durationMs} ms`);
    }
  } catch (error) {
    report.problem(`${image} cannot be pulled through the mirror: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string } }).cause?.code;
  return cause ?? (error as Error).message;
}
