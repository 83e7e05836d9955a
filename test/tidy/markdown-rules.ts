import { existsSync } from "node:fs";
import { join, posix } from "node:path";

import type { SourceFile } from "./source-tree.ts";
import { ROOT } from "./source-tree.ts";

/** What is wrong with Markdown files, a sentence each: their headings and their links. */
export function markdownErrors(files: readonly SourceFile[]): string[] {
  const pages = files.filter(({ path }) => path.endsWith(".md"));
  return pages.flatMap((page) => [...headingErrors(page), ...linkErrors(page, pages)]);
}

function headingErrors({ path, text }: SourceFile): string[] {
  const titles = withoutCode(text).match(/^# .+$/gm) ?? [];
  return titles.length === 1 ? [] : [`${path} has ${titles.length} headings of the first level`];
}

function linkErrors({ path, text }: SourceFile, pages: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const match of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    const link = match[1]!;
    if (/^[a-z]+:/.test(link)) continue;
    const [target = "", fragment] = link.split("#", 2);
    const wanted = target === "" ? path : posix.join(posix.dirname(path), target);
    if (wanted !== path && !existsSync(join(ROOT, wanted)))
      errors.push(`${path} links to ${link}, which is not there`);
    const page = pages.find((candidate) => candidate.path === wanted);
    if (fragment !== undefined && page && !anchors(page.text).includes(fragment)) {
      errors.push(`${path} links to ${link}, and there is no such heading`);
    }
  }
  return errors;
}

/** The fragments by which the headings of a page are linked to. */
function anchors(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, "");
}
