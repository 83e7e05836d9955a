import type { TObject } from "typebox";

import { cacheDefinitions } from "../dfget/cli/cache/cache-config.ts";
import { dfgetDefinition } from "../dfget/config.ts";
import { daemonDefinition } from "../dfget/daemon/daemon-config.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import type { ConfigOption } from "../platform/config-option.ts";
import { configOptions } from "../platform/config-option.ts";
import { defaultText } from "../platform/config-text.ts";
import { EXIT } from "../platform/user-error.ts";
import { EXIT_MEANINGS } from "./exit-meanings.ts";

/** The page dfget(1), in the format of man(7), made from the schemas that `--help` is made from. */
export function manPage(): string {
  return [
    '.\\" Made by `npm run docs` from the code; edit the code instead.',
    ".TH DFGET 1 2026 darter",
    ".SH NAME",
    "dfget \\- download files through the nodes of a cluster",
    ".SH SYNOPSIS",
    ...dfgetDefinition.usage.flatMap((line) => [escaped(line), ".br"]),
    ...Object.values(cacheDefinitions).flatMap(({ usage }) => [escaped(usage[0]!), ".br"]),
    ".SH DESCRIPTION",
    escaped(dfgetDefinition.summary),
    "A file comes from other nodes that have it, from the seed of a supernode, or from its origin, and appears in its place when it is whole.",
    "An interrupted download goes on where it was when the same command is given again.",
    ".SH OPTIONS OF A DOWNLOAD",
    ...options(dfgetDefinition),
    ...general(),
    ".SH COMMANDS",
    ...Object.values(cacheDefinitions).flatMap(({ program, summary }) => [
      ".TP",
      `.B ${escaped(program)}`,
      escaped(summary),
    ]),
    ".PP",
    "These commands take",
    ".BR \\-\\-json ,",
    ".B \\-\\-socket",
    "and the other options about the daemon;",
    ".B dfget import",
    "also takes",
    ".BR \\-\\-name ,",
    "and",
    ".B dfget limits",
    ".BR \\-\\-upload ,",
    ".BR \\-\\-download ,",
    "and",
    ".BR \\-\\-task .",
    ".SH OPTIONS OF DFGET DAEMON",
    escaped(daemonDefinition.summary),
    ...options(daemonDefinition),
    ".SH EXIT STATUS",
    ...Object.entries(EXIT).flatMap(([name, number]) => [
      ".TP",
      `.B ${number}`,
      escaped(EXIT_MEANINGS[name as keyof typeof EXIT]),
    ]),
    ".SH ENVIRONMENT",
    "Every option can be given as a variable, DFGET_... or DFGET_DAEMON_... in capitals.",
    "With",
    ".B \\-\\-direct",
    "http_proxy, https_proxy, all_proxy and no_proxy are heeded, by the daemon and the supernode always.",
    ".SH FILES",
    ".TP",
    ".I ~/.netrc",
    "user and password of hosts",
    ".TP",
    ".I /var/lib/darter",
    "the pieces of a node of root; of other users ~/.local/share/darter",
    ".SH SEE ALSO",
    ".BR curl (1),",
    ".BR aria2c (1)",
    "",
  ].join("\n");
}

function options<T extends TObject>(definition: ProgramDefinition<T>): string[] {
  return configOptions(definition.schema).flatMap((option) => [
    ".TP",
    `.B ${escaped(flagsOf(option))}`,
    escaped(describe(option)),
  ]);
}

function general(): string[] {
  const rows: readonly (readonly [string, string])[] = [
    ["--config FILE", "a YAML file with the same options, named as --print-config shows them"],
    ["--print-config", "print the configuration that would be used, without secrets, and exit"],
    ["--version", "print the version and exit"],
    ["-h, --help", "print a summary and exit"],
  ];
  return rows.flatMap(([flag, text]) => [".TP", `.B ${escaped(flag)}`, escaped(text)]);
}

function flagsOf(option: ConfigOption): string {
  const negated = option.kind === "boolean" && option.defaultValue === true ? "no-" : "";
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value =
    option.placeholder ?? option.choices?.join("|") ?? (option.kind === "number" ? "N" : "TEXT");
  return `${short}--${negated}${option.flag}${option.kind === "boolean" ? "" : ` ${value}`}`;
}

function describe(option: ConfigOption): string {
  const shown = defaultText(option);
  const many = option.kind === "list" ? "; may be repeated" : "";
  return `${option.description}${many}${shown === undefined ? "" : ` (default ${shown})`}`;
}

/** Text whose dashes, backslashes and first characters mean nothing to troff. */
function escaped(text: string): string {
  const plain = text.replaceAll("\\", "\\\\").replaceAll("-", "\\-");
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}
