import { Type } from "typebox";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";

import { byteCount, choice, configOptions, duration, repeated } from "./config-option.ts";
import { answerRequest, defaultText } from "./config-text.ts";
import type { ProgramDefinition } from "./config.ts";
import { loadConfig } from "./config.ts";
import { VERSION } from "./version.ts";

const schema = Type.Object({
  output: Type.Optional(Type.String({ short: "o", description: "where", placeholder: "FILE" })),
  header: repeated({ description: "what to send along", secret: true }),
  diskQuota: byteCount({
    default: 64 * 1024 * 1024,
    description:
      "how much the pieces may take on the disk, which is told here in more words than fit into one line",
  }),
  idleExit: duration({ default: 60_000, description: "how long" }),
  backSource: Type.Boolean({ default: true, description: "leave the origin alone" }),
  quiet: Type.Boolean({ default: false, short: "q", description: "say less" }),
  logLevel: choice(["info", "warn"], { default: "info", description: "what is logged" }),
});
const definition: ProgramDefinition<typeof schema> = {
  program: "tool get",
  usage: ["tool get URL", "tool get --help"],
  summary: "Gets something.",
  schema,
  positionalsMax: 1,
};

function answer(...argv: string[]): string {
  const env = { TOOL_GET_HEADER: "Authorization: secret" };
  return answerRequest(definition, loadConfig(definition, { argv, env }));
}

describe("the help of a program", () => {
  it("is made from its schema", () => {
    expect(answer("--help")).toBe(`Gets something.

usage: tool get URL
       tool get --help

options:
  -o, --output FILE           where
      --header TEXT           what to send along; may be repeated
      --disk-quota SIZE       how much the pieces may take on the disk, which is told here in
                              more words than fit into one line (default 64.0 MiB)
      --idle-exit TIME        how long (default 1 m 0 s)
      --no-back-source        leave the origin alone
  -q, --quiet                 say less
      --log-level info|warn   what is logged (default info)
      --config FILE           a YAML file with the same options, named as --print-config shows
                              them
      --print-config          print the configuration that would be used, without secrets, and
                              exit
      --version               print the version and exit
  -h, --help                  print this and exit

Every option can also be given as an environment variable, TOOL_GET_... in capitals.
`);
  });

  it("fits into 100 columns", () => {
    for (const line of answer("--help").split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });
});

describe("a program", () => {
  it("prints its name and its version", () => {
    expect(answer("--version")).toBe(`tool get ${VERSION}\n`);
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("prints the configuration that it would use, in the form of its file, without secrets", () => {
    const text = answer("--print-config", "--quiet", "--disk-quota=1KiB");
    expect(text).not.toContain("secret");
    expect(parse(text)).toEqual({
      header: "(hidden)",
      diskQuota: 1024,
      idleExit: 60_000,
      backSource: true,
      quiet: true,
      logLevel: "info",
    });
  });
});

describe("a default", () => {
  it("is shown with its unit, and only where there is something to show", () => {
    const shown = configOptions(schema).map((option) => defaultText(option));
    expect(shown).toEqual([
      undefined,
      undefined,
      "64.0 MiB",
      "1 m 0 s",
      undefined,
      undefined,
      "info",
    ]);
  });
});
