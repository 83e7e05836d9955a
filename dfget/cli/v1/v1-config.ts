import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { environmentName } from "../../../platform/config-option.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import { parseV1Nodes } from "./v1-nodes.ts";
import { parseV1Rate } from "./v1-quantity.ts";

/** Where dfget of Dragonfly 1 looked for its configuration; the first that is there counts. */
export const V1_CONFIG_PATHS = ["/etc/dragonfly/dfget.yml", "/etc/dragonfly.conf"] as const;

/**
 * Adds what the configuration of Dragonfly 1 on this machine says to arguments in our words that do not say otherwise:
 * its supernodes and its limit for a download, in YAML or in the older form with `[node]` and `address=`. Throws
 * UserError (usage) for a file that cannot be read or used.
 */
export function withV1Config(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  paths: readonly string[] = V1_CONFIG_PATHS,
): string[] {
  const isSaid = (argument: string): boolean => {
    const [flag = ""] = argument.split("=", 1);
    const isFlag = argv.some((word) => word === flag || word.startsWith(`${flag}=`));
    return isFlag || (env[environmentName("dfget", flag.slice(2))] ?? "") !== "";
  };
  return [...v1ConfigArguments(paths).filter((argument) => !isSaid(argument)), ...argv];
}

function v1ConfigArguments(paths: readonly string[]): string[] {
  for (const path of paths) {
    const text = read(path);
    if (text === undefined) continue;
    const { nodes, localLimit } = /\.ya?ml$/.test(path) ? yamlConfig(path, text) : iniConfig(text);
    try {
      return [
        ...(nodes === undefined ? [] : parseV1Nodes(nodes).map((url) => `--supernode=${url}`)),
        ...(localLimit === undefined ? [] : [`--limit-rate=${rateOf(localLimit)}`]),
      ];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(EXIT.usage, `in ${path}: ${error.message}`, error);
    }
  }
  return [];
}

function rateOf(text: string): number {
  const rate = parseV1Rate(text);
  if (rate !== undefined) return rate;
  throw new UserError(
    EXIT.usage,
    `localLimit must be a rate such as 20M, not ${JSON.stringify(text)}`,
  );
}

interface V1Config {
  readonly nodes?: string | undefined;
  readonly localLimit?: string | undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new UserError(EXIT.usage, `the configuration ${path} cannot be read (${code})`, error);
  }
}

function yamlConfig(path: string, text: string): V1Config {
  const broken = (reason: string, error?: unknown): UserError =>
    new UserError(EXIT.usage, `the configuration ${path} cannot be used: ${reason}`, error);
  let value: unknown;
  try {
    const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
    value = yaml.parse(text, { logLevel: "error" });
  } catch (error) {
    throw broken((error as Error).message.split("\n", 1)[0]!, error);
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== "object") throw broken("it holds no keys");
  const { nodes, localLimit } = value as { nodes?: unknown; localLimit?: unknown };
  if (nodes !== undefined && !Array.isArray(nodes)) throw broken("nodes must be a list");
  const limit = typeof localLimit === "number" ? String(localLimit) : localLimit;
  if (limit !== undefined && typeof limit !== "string") throw broken("localLimit must be a rate");
  return {
    nodes: nodes === undefined || nodes.length === 0 ? undefined : nodes.join(","),
    localLimit: limit,
  };
}

/** `[node]` and below it `address=a,b`; everything else was for other programs. */
function iniConfig(text: string): V1Config {
  let section = "";
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    section = /^\[(.*)\]$/.exec(line)?.[1]?.trim() ?? section;
    const value = /^address\s*=\s*(.+)$/.exec(line)?.[1];
    if (section === "node" && value !== undefined) return { nodes: value };
  }
  return {};
}
