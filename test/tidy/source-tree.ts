import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** A text file of the checkout. */
export interface SourceFile {
  /** From the root of the checkout, with "/" between the parts. */
  readonly path: string;
  readonly text: string;
}

/** The root of the checkout. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** What is no source: made by tools, or the tools' own. */
const SKIPPED = new Set([".git", "node_modules", "dist", "coverage", "results"]);
const TEXT_FILE = /\.(?:ts|md|json|ya?ml)$/;

/** The text files of the checkout, sorted by path. */
export function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  collect(ROOT, files);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function collect(folder: string, files: SourceFile[]): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) collect(path, files);
    else if (entry.isFile() && TEXT_FILE.test(entry.name)) {
      files.push({ path: relative(ROOT, path), text: readFileSync(path, "utf8") });
    }
  }
}
