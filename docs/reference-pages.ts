import { format } from "prettier";
import type { TObject } from "typebox";

import { FLEET_PROFILES } from "../bench/fleet/profiles.ts";
import { dfgetDefinition } from "../dfget/config.ts";
import { daemonDefinition } from "../dfget/daemon/daemon-config.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import type { ConfigOption } from "../platform/config-option.ts";
import { configOptions, environmentName } from "../platform/config-option.ts";
import { defaultText } from "../platform/config-text.ts";
import { EXIT } from "../platform/user-error.ts";
import { ERRORS } from "../protocol/error-table.ts";
import { purgeDefinition } from "../registry-proxy/purge-command.ts";
import { genCaDefinition } from "../registry-proxy/proxy/gen-ca-command.ts";
import { doctorDefinition } from "../registry-proxy/doctor/doctor-command.ts";
import { configureDefinition } from "../registry-proxy/mirror-config/configure-command.ts";
import { registryProxyDefinition } from "../registry-proxy/config.ts";
import { supernodeProgram } from "../supernode/config.ts";
import { EXIT_MEANINGS } from "./exit-meanings.ts";
import { LIMITS } from "./limits-table.ts";
import { markdownTable } from "./markdown-table.ts";
import { manPage } from "./man-page.ts";
import { measuredPages } from "./measured-blocks.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "./shell-completions.ts";

/** A page of the documentation that is made from the code. */
export interface ReferencePage {
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
}

const MADE = "<!-- Made by `npm run docs` from the code; edit the code instead. -->";

/** Every page that is made from the code, as it must be checked in. */
export async function referencePages(): Promise<ReferencePage[]> {
  const pages: [string, string][] = [
    ["configuration", configurationPage()],
    ["errors", errorsPage()],
    ["exit-codes", exitCodesPage()],
    ["limits", limitsPage()],
    ["bench-fleet", benchFleetPage()],
  ];
  const formatted = await Promise.all(
    pages.map(async ([name, text]) => ({
      path: `docs/reference/${name}.md`,
      text: await format(text, { parser: "markdown", printWidth: 100 }),
    })),
  );
  return [
    ...formatted,
    ...(await measuredPages()),
    { path: "deploy/man/dfget.1", text: manPage() },
    { path: "deploy/completions/dfget.bash", text: bashCompletion() },
    { path: "deploy/completions/_dfget", text: zshCompletion() },
    { path: "deploy/completions/dfget.fish", text: fishCompletion() },
  ];
}

function configurationPage(): string {
  return [
    "# Configuration",
    MADE,
    "Every option of a program is a flag, a variable of the environment and a key of its configuration file. Where one is given in several places, the flag wins over the environment, the environment over the file, and the file over the default. An unknown flag or an unknown key of the file is an error; unknown variables are ignored.",
    "- `--config FILE`, or the variable `<PROGRAM>_CONFIG`, names a YAML file with the keys below.\n- `--print-config` prints what would be used, in the form of such a file and without secrets.\n- `--help` and `--version` do what they say.",
    "A SIZE is a number of bytes or has a unit: `K`, `KiB`, `M`, `MiB`, `G`, `GiB`, `T`, `TiB` count in 1024s, `KB`, `MB`, `GB`, `TB` in 1000s. A TIME is a number of milliseconds or has one of the units `ms`, `s`, `m`, `h`. A list is given by repeating the flag, with commas between its parts in the environment, and as a list in the file. A switch that is on is turned off by its flag with `no-` before the name, as the tables show it; in the environment and in the file it is `true` or `false`.",
    programSection(supernodeProgram),
    programSection(registryProxyDefinition),
    programSection(configureDefinition),
    programSection(doctorDefinition),
    programSection(purgeDefinition),
    programSection(genCaDefinition),
    programSection(daemonDefinition),
    programSection(dfgetDefinition),
  ].join("\n\n");
}

function programSection<T extends TObject>(definition: ProgramDefinition<T>): string {
  const rows = configOptions(definition.schema).map((option) => [
    code(flagText(option)),
    `${code(environmentName(definition.program, option.flag))}<br>${code(option.key)}`,
    optionDefault(option),
    `${option.description}${option.choices ? ` (${option.choices.join(", ")})` : ""}`,
  ]);
  return [
    `## ${definition.program}`,
    definition.summary,
    markdownTable(["flag", "environment, key in the file", "default", "what it sets"], rows),
  ].join("\n\n");
}

function flagText(option: ConfigOption): string {
  const isSwitch = option.kind === "boolean";
  const negated = isSwitch && option.defaultValue === true ? "no-" : "";
  const value = isSwitch ? "" : ` ${placeholderOf(option)}`;
  const short = option.short === undefined ? "" : `-${option.short}, `;
  return `${short}--${negated}${option.flag}${value}`;
}

function placeholderOf(option: ConfigOption): string {
  if (option.placeholder !== undefined) return option.placeholder;
  if (option.choices) return "WORD";
  return option.kind === "number" ? "N" : "TEXT";
}

function optionDefault(option: ConfigOption): string {
  if (option.kind === "boolean") return code(String(option.defaultValue));
  const shown = defaultText(option);
  return shown === undefined ? "" : code(shown);
}

function errorsPage(): string {
  const again = {
    same: "yes, after a while",
    origin: "at the origin, without the swarm",
    no: "no",
  };
  const rows = Object.entries(ERRORS).map(([name, { status, retry, meaning }]) => [
    code(name),
    String(status),
    again[retry],
    meaning,
  ]);
  return [
    "# Error codes",
    MADE,
    'Codes are part of the interface; the sentences that come with them are not. REST and piece requests that fail are answered with the status and `{"code": "…", "message": "…"}`; the same codes stand in the frames between programs. The registry mirror answers in the form of the OCI distribution specification instead, see [the HTTP interface](http-api.md).',
    markdownTable(["code", "HTTP status", "may it be tried again", "meaning"], rows),
  ].join("\n\n");
}

function exitCodesPage(): string {
  const rows = Object.entries(EXIT).map(([name, number]) => [
    String(number),
    EXIT_MEANINGS[name as keyof typeof EXIT],
  ]);
  return [
    "# Exit codes",
    MADE,
    "All programs end with one of these. Together with a code other than 0 comes one sentence on standard error that says what happened, to what, and what can be done. A program that was told to stop by SIGINT or SIGTERM and had nothing left to do ends with 0; a second signal ends it at once, with 11.",
    markdownTable(["code", "meaning"], rows),
  ].join("\n\n");
}

function limitsPage(): string {
  const rows = LIMITS.map(({ value, unit, of, beyond }) => [of, formatLimit(value, unit), beyond]);
  return [
    "# Limits",
    MADE,
    "Nothing that grows with what others send is without a bound. These are the bounds that a user can meet; those that can be set stand in [the configuration](configuration.md).",
    markdownTable(["limit of", "value", "beyond it"], rows),
  ].join("\n\n");
}

function benchFleetPage(): string {
  const profiles = FLEET_PROFILES.map(
    ({ name, title, situation }) => `## ${name}\n\n_${title}_\n\n${situation}`,
  );
  return [
    "# Profiles of bench:fleet",
    MADE,
    "`npm run bench:fleet -- --profile NAME` measures one of these situations with real processes on hosts in network namespaces, eight of them unless `--nodes` says otherwise; `--profile all` measures all, one after the other. Every other option changes the profile where it is given; `npm run bench:fleet -- --help` lists them. [Measuring](../operating/measuring.md) tells what it needs and how to read what it says.",
    ...profiles,
  ].join("\n\n");
}

function formatLimit(value: number, unit: "bytes" | "ms" | ""): string {
  if (unit === "ms") return value % 60_000 === 0 ? `${value / 60_000} min` : `${value / 1000} s`;
  if (unit === "") return value.toLocaleString("en");
  if (value % 1024 ** 2 === 0) return `${value / 1024 ** 2} MiB`;
  return value % 1024 === 0 ? `${value / 1024} KiB` : `${value} bytes`;
}

function code(text: string): string {
  return `\`${text}\``;
}
