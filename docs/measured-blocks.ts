import { readFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";

import { RESULTS_DIRECTORY } from "../bench/frame/result-file.ts";
import { readResults } from "../bench/report/kept-results.ts";
import type { KeptResults } from "../bench/report/kept-results.ts";
import { reportPage } from "../bench/report/report-page.ts";
import { readmeBlock } from "./readme-figures.ts";
import type { ReferencePage } from "./reference-pages.ts";
import { constantsBlock, examplesBlock } from "./sizing-figures.ts";

/** What is made of the kept results, by the name of its place and the page that it stands in. */
const BLOCKS: readonly {
  readonly path: string;
  readonly name: string;
  readonly text: (kept: KeptResults) => string;
}[] = [
  { path: "README.md", name: "figures", text: readmeBlock },
  { path: "docs/operating/sizing.md", name: "constants", text: constantsBlock },
  { path: "docs/operating/sizing.md", name: "examples", text: examplesBlock },
];

/** The pages that hold figures of kept results, as they must be checked in. */
export async function measuredPages(): Promise<ReferencePage[]> {
  const kept = await readResults(RESULTS_DIRECTORY);
  const paths = [...new Set(BLOCKS.map(({ path }) => path))];
  const pages = await Promise.all(
    paths.map(async (path) => {
      const blocks = BLOCKS.filter((block) => block.path === path);
      const page = readFileSync(join(import.meta.dirname, "..", path), "utf8");
      const filled = blocks.reduce((text, { name, text: of }) => fill(text, name, of(kept)), page);
      return { path, text: await format(filled, { parser: "markdown", printWidth: 100 }) };
    }),
  );
  return [...pages, { path: "bench/results/report.html", text: reportPage(kept) }];
}

/** Puts a text between the marks of this name. Throws when the page has none. */
export function fill(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: made by \`npm run docs\` from bench/results -->`;
  const end = `<!-- end of ${name} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`a page has no place for "${name}"`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}
