import { readFileSync } from "node:fs";
import type { TObject } from "typebox";
import { describe, expect, it } from "vitest";

import { loadConfig } from "../platform/config.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import { configOptions } from "../platform/config-option.ts";
import { EXIT } from "../platform/user-error.ts";
import { cacheDefinitions } from "./cli/cache/cache-config.ts";
import { dfgetDefinition } from "./config.ts";
import { daemonDefinition } from "./daemon/daemon-config.ts";

const DEFINITIONS: readonly ProgramDefinition<TObject>[] = [
  dfgetDefinition,
  daemonDefinition,
  ...Object.values(cacheDefinitions),
];

describe.each(DEFINITIONS.map((definition) => ({ name: definition.program, definition })))(
  "$name",
  ({ name, definition }) => {
    const refusal = (...argv: string[]): string => {
      try {
        loadConfig(definition, { argv, env: {} });
      } catch (error) {
        expect(error).toMatchObject({ name: "UserError", exitCode: EXIT.usage });
        return (error as Error).message;
      }
      throw new Error(`${name} takes ${argv.join(" ")}`);
    };
    const options = configOptions(definition.schema);

    it("refuses a flag that it does not know, and says where those that it knows stand", () => {
      expect(refusal("--colour-blind")).toBe(`unknown option '--colour-blind'; see ${name} --help`);
    });

    it.each(options.map(({ flag }) => flag))(
      "says which flag was meant by one like --%s",
      (flag) => {
        expect(refusal(`--${flag}${flag.at(-1)}`)).toContain(`did you mean --`);
      },
    );

    it.each(options.filter(({ kind }) => kind !== "boolean").map(({ flag }) => flag))(
      "refuses --%s without a value",
      (flag) => {
        expect(refusal(`--${flag}`)).toMatch(new RegExp(`--${flag}.*; see ${name} --help$`));
      },
    );

    it.each(options.filter(({ kind }) => kind === "boolean").map(({ flag }) => flag))(
      "refuses --%s with a value",
      (flag) => {
        expect(refusal(`--${flag}=yes`)).toMatch(new RegExp(`--${flag}.*; see ${name} --help$`));
      },
    );

    it.each(options.filter(({ kind }) => kind === "number").map(({ flag }) => flag))(
      "refuses --%s with something that is no number",
      (flag) => {
        expect(refusal(`--${flag}=much`)).toMatch(`--${flag} must be a`);
      },
    );

    it("refuses more operands than it takes", () => {
      const operands = Array.from({ length: definition.positionalsMax + 1 }, () => "x");
      expect(refusal(...operands)).toMatch(/^unexpected argument "x"/);
    });
  },
);

describe("the commands of dfget", () => {
  it("are those that its main file knows", () => {
    const text = readFileSync(new URL("main.ts", import.meta.url), "utf8");
    const list = /const CACHE_COMMANDS = \[([^\]]*)\]/.exec(text)![1]!;
    const named = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name!);
    expect(new Set(named)).toEqual(new Set(Object.keys(cacheDefinitions)));
  });

  it("heed the variables of dfget, and dfget daemon its own", () => {
    const env = { DFGET_SOCKET: "/run/a", DFGET_DAEMON_SOCKET: "/run/b" };
    const socketOf = (definition: ProgramDefinition<TObject>): unknown =>
      (loadConfig(definition, { argv: [], env }).config as { socket?: string }).socket;
    for (const definition of DEFINITIONS) {
      const own = definition === (daemonDefinition as ProgramDefinition<TObject>);
      expect(socketOf(definition)).toBe(own ? "/run/b" : "/run/a");
    }
  });
});
