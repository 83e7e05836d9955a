import { cacheDefinitions } from "../dfget/cli/cache/cache-config.ts";
import { dfgetDefinition } from "../dfget/config.ts";
import { daemonDefinition } from "../dfget/daemon/daemon-config.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import type { ConfigOption } from "../platform/config-option.ts";
import { configOptions } from "../platform/config-option.ts";

const MADE = "# Made by `npm run docs` from the code; edit the code instead.";
/** Options that every program has. */
const GENERAL = ["config", "print-config", "version", "help"];
/** Placeholders of values that are paths. */
const PATHS = new Set(["FILE", "DIR", "FILE|DIR|-"]);

/** A command and its options. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly ConfigOption[];
}

function commandOf({
  program,
  summary,
  schema,
}: ProgramDefinition<(typeof daemonDefinition)["schema"]>): Command {
  const name = program.replace(/^dfget ?/, "");
  return { name, summary: summary.split(".", 1)[0]!, options: configOptions(schema) };
}

const download: Command = commandOf(dfgetDefinition as unknown as Parameters<typeof commandOf>[0]);
const commands: readonly Command[] = [daemonDefinition, ...Object.values(cacheDefinitions)].map(
  (definition) => commandOf(definition as unknown as Parameters<typeof commandOf>[0]),
);

function flagOf(option: ConfigOption): string {
  const isNegated = option.kind === "boolean" && option.defaultValue === true;
  return `${isNegated ? "no-" : ""}${option.flag}`;
}

function flagWords({ options }: Command): string[] {
  return [...options.map(flagOf), ...GENERAL].map((flag) => `--${flag}`);
}

function takesPath({ placeholder }: ConfigOption): boolean {
  return placeholder !== undefined && PATHS.has(placeholder);
}

/** For bash. */
export function bashCompletion(): string {
  const all = [download, ...commands];
  const choices = new Map(
    all.flatMap(({ options }) =>
      options.flatMap((option) =>
        option.choices ? [[option.flag, option.choices.join(" ")] as const] : [],
      ),
    ),
  );
  const paths = [
    ...new Set(
      all.flatMap(({ options }) => options.filter(takesPath).map(({ flag }) => `--${flag}`)),
    ),
  ];
  return [
    MADE,
    "_dfget() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" flags',
    '  case "$before" in',
    ...[...choices].map(
      ([flag, words]) =>
        `    --${flag}) COMPREPLY=($(compgen -W "${words}" -- "$word")); return ;;`,
    ),
    `    ${["-o", "-i", "--config", ...paths].join(" | ")}) COMPREPLY=($(compgen -f -- "$word")); return ;;`,
    "  esac",
    '  case "${COMP_WORDS[1]}" in',
    ...commands.map((command) => `    ${command.name}) flags="${flagWords(command).join(" ")}" ;;`),
    `    *) flags="${flagWords(download).join(" ")}" ;;`,
    "  esac",
    '  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word"))',
    `  elif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word"))`,
    '  else COMPREPLY=($(compgen -f -- "$word")); fi',
    "}",
    "complete -o filenames -F _dfget dfget",
    "",
  ].join("\n");
}

/** For zsh. */
export function zshCompletion(): string {
  return [
    "#compdef dfget",
    MADE,
    "_dfget() {",
    "  local -a commands",
    "  commands=(",
    ...commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`),
    "  )",
    '  case "$words[2]" in',
    ...commands.flatMap((command) => [
      `    ${command.name})`,
      ...zshArguments(command),
      "      ;;",
    ]),
    "    *)",
    "      if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then _describe command commands; fi",
    ...zshArguments(download),
    "      ;;",
    "  esac",
    "}",
    '_dfget "$@"',
    "",
  ].join("\n");
}

function zshArguments({ options }: Command): string[] {
  const specs = options.flatMap((option) => {
    const text = option.description.replaceAll(/[[\]:]/g, " ").slice(0, 100);
    const many = option.kind === "list" ? "*" : "";
    const action = option.choices
      ? `(${option.choices.join(" ")})`
      : takesPath(option)
        ? "_files"
        : "";
    const value = option.kind === "boolean" ? "" : `:${option.placeholder ?? "value"}:${action}`;
    const long = quoted(`${many}--${flagOf(option)}${value === "" ? "" : "="}[${text}]${value}`);
    return option.short === undefined
      ? [long]
      : [long, quoted(`${many}-${option.short}[${text}]${value}`)];
  });
  const general = GENERAL.map((flag) => quoted(`--${flag}`));
  return [
    "      _arguments \\",
    ...[...specs, ...general, "'*:file:_files'"].map(
      (spec, i, all) => `        ${spec}${i === all.length - 1 ? "" : " \\"}`,
    ),
  ];
}

/** For fish. */
export function fishCompletion(): string {
  const names = commands.map(({ name }) => name).join(" ");
  return [
    MADE,
    ...commands.map(
      ({ name, summary }) =>
        `complete -c dfget -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    ...fishOptions(download, `not __fish_seen_subcommand_from ${names}`),
    ...commands.flatMap((command) =>
      fishOptions(command, `__fish_seen_subcommand_from ${command.name}`),
    ),
    "",
  ].join("\n");
}

function fishOptions({ options }: Command, condition: string): string[] {
  return [
    ...options.map((option) => {
      const short = option.short === undefined ? "" : ` -s ${option.short}`;
      const value =
        option.kind === "boolean"
          ? ""
          : option.choices
            ? ` -x -a ${quoted(option.choices.join(" "))}`
            : takesPath(option)
              ? " -r -F"
              : " -x";
      return `complete -c dfget -n ${quoted(condition)} -l ${flagOf(option)}${short}${value} -d ${quoted(option.description)}`;
    }),
    ...GENERAL.map((flag) => `complete -c dfget -n ${quoted(condition)} -l ${flag}`),
  ];
}

/** A word of a shell that means itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
