import { describe, expect, it } from "vitest";

import { ALLOWED, importErrors, specifiers } from "./tidy/import-rules.ts";
import { markdownErrors } from "./tidy/markdown-rules.ts";
import { packageErrors } from "./tidy/package-rules.ts";
import type { SourceFile } from "./tidy/source-tree.ts";
import { sourceFiles } from "./tidy/source-tree.ts";
import { lengthErrors, nameErrors, textErrors, TEXT_RULES } from "./tidy/text-rules.ts";

const files = sourceFiles();

function file(path: string, ...lines: string[]): SourceFile {
  return { path, text: lines.join("\n") };
}

describe("the imports of the code", () => {
  it("go only where the table allows, and the table holds nothing else", () => {
    expect(importErrors(files)).toEqual([]);
  });

  it("find a source for every folder of the table", () => {
    for (const folder of Object.keys(ALLOWED)) {
      expect(files.some(({ path }) => path.startsWith(`${folder}/`))).toBe(true);
    }
  });

  it.each([
    ["store/planted.ts", 'import { Peer } from "../dfget/peer/peer.ts";'],
    ["supernode/planted.ts", 'import type { Peer } from "../dfget/peer/peer.ts";'],
    ["dfget/planted.ts", 'export { scheduler } from "../supernode/scheduler/scheduler.ts";'],
    ["dfget/peer/planted.ts", 'const late = await import("../../registry-proxy/mirror.ts");'],
    ["platform/planted.ts", 'import "../store/disk-store.ts";'],
    ["protocol/planted.ts", 'import {\n  VERSION,\n} from "../platform/version.ts";'],
    ["protocol/planted.ts", 'import { readFileSync } from "node:fs";'],
    ["supernode/scheduler/planted.ts", 'import pLimit from "p-limit";'],
    ["supernode/scheduler/planted.ts", 'import { systemClock } from "../../platform/clock.ts";'],
    ["dfget/swarm/planted.ts", 'import { Peer } from "../peer/peer.ts";'],
    ["dfget/planted.ts", 'import { fleet } from "../test/harness/fleet.ts";'],
    ["dfget/planted.ts", 'new Worker(new URL("../bench/demo/main.ts", import.meta.url));'],
    ["store/planted.test.ts", 'import { demo } from "../bench/demo/main.ts";'],
  ])("are refused in %s: %s", (path, text) => {
    const errors = importErrors([...files, file(path, text)]);
    expect(errors.filter((error) => error.startsWith(path))).toHaveLength(1);
  });

  it("may name what the table allows", () => {
    const good = file("dfget/planted.ts", 'import { ERRORS } from "../protocol/error-table.ts";');
    const test = file("store/planted.test.ts", 'import { x } from "../test/conformance/x.ts";');
    expect(importErrors([...files, good, test])).toEqual([]);
  });

  it("must use every entry of the table", () => {
    expect(importErrors(files, { ...ALLOWED, platform: ["protocol", "store"] })).toEqual([
      "platform is allowed store and does not import it",
    ]);
  });

  it("are found in every form that they have", () => {
    const text = [
      'import a from "./a.ts";',
      "import type {",
      "  B,",
      '} from "./b.ts";',
      'import "./c.ts";',
      'export * from "./d.ts";',
      'const e = () => import("./e.ts");',
      'const f = new URL("./f.ts", import.meta.url);',
    ].join("\n");
    expect(specifiers(text).sort()).toEqual(
      ["a", "b", "c", "d", "e", "f"].map((name) => `./${name}.ts`),
    );
  });
});

describe("the packages that the code imports", () => {
  it("are those of package.json, and what runs imports only what is installed with it", () => {
    expect(packageErrors(files)).toEqual([]);
  });

  it("are refused where they are not listed, or listed for development only", () => {
    const planted = file(
      "dfget/planted.ts",
      'import x from "left-pad";',
      'import fc from "fast-check";',
    );
    expect(packageErrors([...files, planted])).toEqual([
      "dfget/planted.ts imports left-pad, which is not in the dependencies of package.json",
      "dfget/planted.ts imports fast-check, which is not in the dependencies of package.json",
    ]);
  });
});

describe("the text of the code", () => {
  it("has no word or call that there is a rule against", () => {
    expect(textErrors(files)).toEqual([]);
  });

  it.each([
    ["dfget/planted.ts", "const nowMs = Date.now();"],
    ["store/planted.ts", "const jitter = Math.random();"],
    ["supernode/planted.ts", "process.exit(1);"],
    ["registry-proxy/planted.ts", 'console.log("here");'],
    ["store/planted.test.ts", 'it.only("alone", () => {});'],
    ["platform/planted.ts", "// TODO: later"],
    ["protocol/planted.ts", "const value = text as any;"],
  ])("is refused in %s: %s", (path, line) => {
    const errors = textErrors([...files, file(path, line)]);
    expect(errors.filter((error) => error.startsWith(path))).toHaveLength(1);
  });

  it("needs each exception that a rule makes", () => {
    const rule = { ...TEXT_RULES[0]!, exceptions: { "dfget/main.ts": "no reason" } };
    const errors = textErrors([file("dfget/main.ts", "// nothing")], [rule]);
    expect(errors).toEqual([`dfget/main.ts needs no exception from "${rule.instead}"`]);
  });

  it("fits into files that can be read at one sitting", () => {
    expect(lengthErrors(files)).toEqual([]);
    expect(lengthErrors([file("store/long.ts", ..."x".repeat(401).split(""))])).toHaveLength(1);
  });

  it("lies in files named in kebab-case by what they hold", () => {
    expect(nameErrors(files)).toEqual([]);
    for (const path of ["store/pieceStore.ts", "store/Piece.ts", "store/utils.ts"]) {
      expect(nameErrors([file(path)])).toHaveLength(1);
    }
  });
});

describe("the Markdown pages", () => {
  it("have one title each, and links that lead somewhere", () => {
    expect(markdownErrors(files)).toEqual([]);
  });

  it("are refused with two titles, a dead link or a dead heading", () => {
    const page = file(
      "docs/planted.md",
      "# One",
      "# Two",
      "[x](nowhere.md) [y](#one) [z](#three)",
      "```",
      "# no title, [no link](nowhere.md)",
      "```",
    );
    expect(markdownErrors([page])).toEqual([
      "docs/planted.md has 2 headings of the first level",
      "docs/planted.md links to nowhere.md, which is not there",
      "docs/planted.md links to #three, and there is no such heading",
    ]);
  });

  it("begin with a README of at most 100 lines", () => {
    const readme = files.find(({ path }) => path === "README.md");
    expect(readme?.text.trimEnd().split("\n").length).toBeLessThanOrEqual(100);
  });
});
