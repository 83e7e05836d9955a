import { createRequire } from "node:module";
import type { TObject } from "typebox";

import type { LoadedConfig, ProgramDefinition } from "./config.ts";
import { variablesOf } from "./config.ts";
import type { ConfigOption } from "./config-option.ts";
import { configOptions, environmentName } from "./config-option.ts";
import { formatByteCount, formatDuration } from "./quantity.ts";
import { VERSION } from "./version.ts";

/** What `--help`, `--version` or `--print-config` prints. */
export function answerRequest<T extends TObject>(
  definition: ProgramDefinition<T>,
  loaded: LoadedConfig<T>,
): string {
  if (loaded.request === "version") return `${definition.program} ${VERSION}\n`;
  if (loaded.request === "print-config") return printConfig(definition, loaded);
  return helpText(definition);
}

/** The text of `--help`, made from the schema. */
export function helpText<T extends TObject>(definition: ProgramDefinition<T>): string {
  const rows: [string, string][] = [
    ...configOptions(definition.schema).map(helpRow),
    ["    --config FILE", "a YAML file with the same options, named as --print-config shows them"],
    ["    --print-config", "print the configuration that would be used, without secrets, and exit"],
    ["    --version", "print the version and exit"],
    ["-h, --help", "print this and exit"],
  ];
  const usage = definition.usage.map((line, i) => `${i === 0 ? "usage: " : "       "}${line}`);
  const prefix = environmentName(variablesOf(definition), "");
  return [
    definition.summary,
    "",
    ...usage,
    "",
    "options:",
    ...rows.map(([flag, text]) => formatRow(flag, text)),
    "",
    `Every option can also be given as an environment variable, ${prefix}... in capitals.`,
    "",
  ].join("\n");
}

function printConfig<T extends TObject>(
  definition: ProgramDefinition<T>,
  loaded: LoadedConfig<T>,
): string {
  const values: Record<string, unknown> = {};
  for (const option of configOptions(definition.schema)) {
    const value = (loaded.config as Record<string, unknown>)[option.key];
    if (value !== undefined) values[option.key] = option.secret ? "(hidden)" : value;
  }
  const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  return yaml.stringify(values);
}

function helpRow(option: ConfigOption): [string, string] {
  const negated = option.kind === "boolean" && option.defaultValue === true;
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.kind === "boolean" ? "" : ` ${valuePlaceholder(option)}`;
  return [`${short}--${negated ? "no-" : ""}${option.flag}${value}`, describeOption(option)];
}

function valuePlaceholder(option: ConfigOption): string {
  if (option.placeholder !== undefined) return option.placeholder;
  if (option.choices) return option.choices.join("|");
  return option.kind === "number" ? "N" : "TEXT";
}

function describeOption(option: ConfigOption): string {
  const shown = defaultText(option);
  const many = option.kind === "list" ? "; may be repeated" : "";
  return `${option.description}${many}${shown === undefined ? "" : ` (default ${shown})`}`;
}

/** How a default is shown to people; undefined where there is nothing worth showing. */
export function defaultText(option: ConfigOption): string | undefined {
  const value = option.defaultValue;
  if (value === undefined || value === "" || typeof value === "boolean") return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(", ");
  if (typeof value === "string") return value;
  if (option.unit === "bytes" && typeof value === "number") return formatByteCount(value);
  if (option.unit === "ms" && typeof value === "number") return formatDuration(value);
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

function formatRow(flag: string, text: string): string {
  const left = `  ${flag}`;
  const lines = wrap(text, 66);
  const first =
    left.length < 30 ? `${left.padEnd(30)}${lines[0]}` : `${left}\n${" ".repeat(30)}${lines[0]}`;
  return [first, ...lines.slice(1).map((line) => " ".repeat(30) + line)].join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1]!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
