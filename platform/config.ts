import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { ParseArgsOptionsConfig } from "node:util";
import { parseArgs } from "node:util";
import type { Static, TObject } from "typebox";

import type { ConfigOption } from "./config-option.ts";
import { configOptions, environmentName } from "./config-option.ts";
import type { OptionSchema } from "./option-check.ts";
import { optionProblem } from "./option-check.ts";
import { parseByteCount, parseDuration } from "./quantity.ts";
import { similarWord } from "./similar-word.ts";
import { EXIT, UserError } from "./user-error.ts";

/** A program (or a sub-command) and the options that it takes from flags, environment and file. */
export interface ProgramDefinition<T extends TObject> {
  /** As the user calls it; the prefix of its environment variables, where there is no other. */
  readonly program: string;
  /** The program whose variables it shares, where an option of both means the same. */
  readonly variablesOf?: string;
  /** The lines after "usage:" in `--help`. */
  readonly usage: readonly string[];
  readonly summary: string;
  readonly schema: T;
  /** How many arguments without a flag it takes. */
  readonly positionalsMax: number;
}

/** What was asked for on the command line besides options. */
export interface LoadedConfig<T extends TObject> {
  readonly config: Static<T>;
  readonly positionals: readonly string[];
  /** One of the flags that every program has, answered instead of running. */
  readonly request: "help" | "version" | "print-config" | undefined;
}

type RawValues = Record<string, unknown>;

/**
 * Merges flags, environment, file and defaults, in this order of precedence, and checks the result.
 * Throws UserError (usage) with one sentence that names the option and where its value came from.
 */
export function loadConfig<T extends TObject>(
  definition: ProgramDefinition<T>,
  input: { argv: readonly string[]; env: Readonly<Record<string, string | undefined>> },
): LoadedConfig<T> {
  const options = configOptions(definition.schema);
  const { values, positionals, request } = readFlags(definition, options, input.argv);
  const environment = readEnvironment(variablesOf(definition), options, input.env);
  const path = values["config"] ?? input.env[environmentName(definition.program, "config")];
  const file = typeof path === "string" ? readConfigFile(path, options) : {};
  const merged: RawValues = {};
  for (const option of options) {
    const value =
      values[option.flag] ?? environment[option.key] ?? file[option.key] ?? option.defaultValue;
    if (value !== undefined) merged[option.key] = value;
  }
  checkValues(definition, options, merged);
  return { config: merged as Static<T>, positionals, request };
}

/** The program by whose name the variables of the environment begin. */
export function variablesOf<T extends TObject>(definition: ProgramDefinition<T>): string {
  return definition.variablesOf ?? definition.program;
}

function readFlags<T extends TObject>(
  definition: ProgramDefinition<T>,
  options: readonly ConfigOption[],
  argv: readonly string[],
): { values: RawValues; positionals: string[]; request: LoadedConfig<T>["request"] } {
  const table: ParseArgsOptionsConfig = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean" },
    "print-config": { type: "boolean" },
    config: { type: "string" },
  };
  for (const option of options) {
    const { flag, kind, short } = option;
    const type = kind === "boolean" ? "boolean" : "string";
    const multiple = kind === "list";
    table[flag] = short === undefined ? { type, multiple } : { type, multiple, short };
  }
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: table,
      allowPositionals: true,
      allowNegative: true,
    });
  } catch (error) {
    throw usageError(definition.program, parsingProblem((error as Error).message, table));
  }
  const request = (["help", "version", "print-config"] as const).find(
    (name) => parsed.values[name],
  );
  const extra = parsed.positionals[definition.positionalsMax];
  if (extra !== undefined && request === undefined) {
    throw usageError(definition.program, `unexpected argument ${JSON.stringify(extra)}`);
  }
  const values: RawValues = { ...parsed.values };
  for (const option of options) {
    const value = values[option.flag];
    if (typeof value === "string")
      values[option.flag] = fromText(option, value, `--${option.flag}`);
  }
  return { values, positionals: parsed.positionals, request };
}

function readEnvironment(
  program: string,
  options: readonly ConfigOption[],
  env: Readonly<Record<string, string | undefined>>,
): RawValues {
  const values: RawValues = {};
  // Most of the time there is none, and to look for each takes as long as a connection.
  const start = environmentName(program, "");
  if (!Object.keys(env).some((name) => name.startsWith(start))) return values;
  for (const option of options) {
    const name = environmentName(program, option.flag);
    const text = env[name];
    if (text !== undefined && text !== "") values[option.key] = fromText(option, text, name);
  }
  return values;
}

function readConfigFile(path: string, options: readonly ConfigOption[]): RawValues {
  let content: unknown;
  try {
    // Loaded only where there is a file to read.
    const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
    content = yaml.parse(readFileSync(path, "utf8"), { logLevel: "error" });
  } catch (error) {
    const reason = (error as Error).message.split("\n", 1)[0];
    throw new UserError(
      EXIT.usage,
      `the configuration file ${path} cannot be read: ${reason}`,
      error,
    );
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new UserError(EXIT.usage, `the configuration file ${path} must hold keys and values`);
  }
  const values: RawValues = {};
  for (const [key, value] of Object.entries(content)) {
    const option = options.find((candidate) => candidate.key === key);
    if (!option) throw new UserError(EXIT.usage, unknownKey(path, key, options));
    const where = `${key} in ${path}`;
    values[key] = typeof value === "string" ? fromText(option, value, where) : (value as unknown);
  }
  return values;
}

function unknownKey(path: string, key: string, options: readonly ConfigOption[]): string {
  const known = options.map((option) => option.key).join(", ");
  return `the configuration file ${path} has the unknown key "${key}"; the keys are ${known}`;
}

function fromText(option: ConfigOption, text: string, where: string): unknown {
  switch (option.kind) {
    case "boolean":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw new UserError(EXIT.usage, `${where} must be true or false, not "${text}"`);
    case "number": {
      const value =
        option.unit === "bytes"
          ? parseByteCount(text)
          : option.unit === "ms"
            ? parseDuration(text)
            : Number(text.trim() === "" ? "none" : text);
      if (value === undefined || !Number.isFinite(value)) {
        throw new UserError(EXIT.usage, `${where} must be ${numberForm(option)}, not "${text}"`);
      }
      return value;
    }
    case "list":
      return text.split(",").map((part) => part.trim());
    case "string":
      return text;
    default:
      return option.kind satisfies never;
  }
}

function numberForm(option: ConfigOption): string {
  if (option.unit === "bytes") return "a size such as 512MiB";
  return option.unit === "ms" ? "a time such as 30s" : "a number";
}

function checkValues<T extends TObject>(
  definition: ProgramDefinition<T>,
  options: readonly ConfigOption[],
  values: RawValues,
): void {
  for (const option of options) {
    const value = values[option.key];
    if (value === undefined) continue;
    const wanted = optionProblem(definition.schema.properties[option.key] as OptionSchema, value);
    if (wanted === undefined) continue;
    const inUnit = option.unit === "ms" && typeof value === "number" ? ", in milliseconds," : "";
    throw usageError(
      definition.program,
      `--${option.flag} (${option.key})${inUnit} is ${JSON.stringify(value)}: ${wanted}`,
    );
  }
}

function usageError(program: string, sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see ${program} --help`);
}

/** What `parseArgs` complains of. */
function parsingProblem(text: string, table: ParseArgsOptionsConfig): string {
  const unknown = /^Unknown option '--([^'=]+)/.exec(text)?.[1];
  if (unknown !== undefined) {
    const meant = similarWord(unknown, Object.keys(table).flatMap(spellings));
    const hint = meant === undefined ? "" : `; did you mean --${meant}?`;
    return `unknown option '--${unknown}'${hint}`;
  }
  const flag = /^Option '(\S+)' argument is ambiguous/.exec(text)?.[1];
  if (flag === undefined) return firstSentence(text);
  const written = flag.startsWith("--") ? `${flag}=-VALUE` : `${flag}-VALUE`;
  return `${flag} has no value, or one that begins with a dash, which is written as ${written}`;
}

function spellings(flag: string): string[] {
  return [flag, `no-${flag}`];
}

function firstSentence(text: string): string {
  const sentence = text.split(/\.\s|\n/, 1)[0]!;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
