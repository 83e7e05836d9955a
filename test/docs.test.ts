import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { V1_FLAGS } from "../dfget/cli/v1/v1-arguments.ts";
import { LIMITS } from "../docs/limits-table.ts";
import { fill } from "../docs/measured-blocks.ts";
import { readmeBlock } from "../docs/readme-figures.ts";
import { constantsBlock, examplesBlock } from "../docs/sizing-figures.ts";
import { everyKind } from "../bench/report/results-fixture.ts";
import { referencePages } from "../docs/reference-pages.ts";
import { ERRORS } from "../protocol/error-table.ts";
import { isTestFile } from "./tidy/import-rules.ts";
import { readManifest } from "./tidy/package-rules.ts";
import { ROOT, sourceFiles } from "./tidy/source-tree.ts";

const files = sourceFiles();

function page(path: string): string {
  const file = files.find((candidate) => candidate.path === path);
  if (!file) throw new Error(`${path} is not there`);
  return file.text;
}

/** What stands between backticks in the first cells of a page's tables, sorted. */
function firstCells(path: string): string[] {
  return [...page(path).matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]!).sort();
}

const generated = await referencePages();

describe.each(generated)("$path", ({ path, text }) => {
  it("is what npm run docs makes of the code now", () => {
    expect(readFileSync(join(ROOT, path), "utf8")).toBe(text);
  });
});

describe("figures of kept results", () => {
  const place = (text: string) =>
    `before\n<!-- one: made by \`npm run docs\` from bench/results -->\n${text}<!-- end of one -->\nafter`;

  it("take the place of those that stand in a page", () => {
    expect(fill(place("\nold 1.23 s\n"), "one", "new 4.56 s")).toBe(place("\nnew 4.56 s\n\n"));
    expect(() => fill("nothing", "one", "new")).toThrow("no place");
  });

  it("are the newest of what was kept, and say what was not measured", () => {
    const kept = everyKind();
    expect(readmeBlock(kept)).toContain("| pull one image at the same moment | 4 s | 28.1 s |");
    expect(constantsBlock(kept)).toMatch(/`m1` .* 22.2 KB .*`j` .* 3375 \/s/s);
    expect(examplesBlock(kept)).toContain("| 10,000 | 312 MB | 17 % | 2.96 s | 310 % |");
    const none = { fleet: [], load: [], transfer: [] };
    expect(readmeBlock(none)).toBe("Nothing was measured yet.");
    expect(constantsBlock(none)).toContain("not measured yet");
    expect(examplesBlock(none)).not.toContain("NaN");
  });
});

describe("docs/reference/errors.md", () => {
  it("lists the codes that there are, and no others", () => {
    expect(firstCells("docs/reference/errors.md")).toEqual(Object.keys(ERRORS).sort());
  });
});

describe("docs/reference/limits.md", () => {
  it("says of every limit what it is of, once", () => {
    const of = LIMITS.map((limit) => limit.of);
    expect(new Set(of).size).toBe(of.length);
  });
});

describe("docs/reference/metrics.md", () => {
  it("lists the metrics that the code has, and no others", () => {
    const named = files
      .filter(({ path }) => /^(?:supernode|dfget|registry-proxy|store|platform)\//.test(path))
      .filter(({ path }) => path.endsWith(".ts") && !isTestFile(path))
      .flatMap(({ text }) => [...text.matchAll(/"((?:darter|supernode|registry_proxy)_[a-z_]+)"/g)])
      .map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(10);
    expect(firstCells("docs/reference/metrics.md")).toEqual([...new Set(named)].sort());
  });
});

describe("docs/operating/from-dragonfly-1.md", () => {
  it("lists the flags of Dragonfly 1 that are understood, and no others", () => {
    const rows = page("docs/operating/from-dragonfly-1.md").matchAll(
      /^\| (?:`-\w`, )?`--(\w+)` +\|/gm,
    );
    const named = [...rows].map(([, name]) => name!);
    expect(named.sort()).toEqual(V1_FLAGS.map(({ flag }) => flag).sort());
  });
});

describe("docs/internals/dependencies.md", () => {
  it("lists the packages of package.json, and no others", () => {
    const { dependencies, devDependencies } = readManifest(files);
    const wanted = [...Object.keys(dependencies), ...Object.keys(devDependencies)].sort();
    expect(firstCells("docs/internals/dependencies.md")).toEqual(wanted);
  });
});

describe("docs/reference/http-api.md", () => {
  it("names the routes of the supernode that its server has", () => {
    const routes = [...page("supernode/server.ts").matchAll(/app\.get[^(]*\(\s*"([^"]+)"/g)];
    expect(routes.length).toBeGreaterThan(5);
    for (const [, route] of routes) {
      const shown = route!.replace("/:task/:index", "/{task}/{index}").replace(":id", "{id}");
      expect(page("docs/reference/http-api.md")).toContain(`GET ${shown}\``);
    }
  });
});
