import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { seededBytes } from "../../test/harness/seeded-bytes.ts";

/** Names that a shell, a URL or a page would rather not have, but none that wget saves under another name. */
const ODD_NAMES = ["a b", "100%", "what?", "no#1", "x&y=z", "it's", "ö", "日本", "-o", "plus+"];

/** What a tree holds. */
export interface FileTree {
  readonly fileCount: number;
  readonly lengthBytes: number;
}

/**
 * Makes a tree of files below a directory, most of them of a few kB, one in twenty of 400 kB, one in fifty empty, one of 50 MB
 * and one of 20 MB, in ten directories and some deeper ones.
 */
export async function makeFileTree(
  root: string,
  { fileCount, seed }: { readonly fileCount: number; readonly seed: string },
): Promise<FileTree> {
  let lengthBytes = 0;
  for (let i = 0; i < fileCount; i++) {
    const odd = ODD_NAMES[i % ODD_NAMES.length]!;
    const folder = join(
      root,
      `d${i % 10}`,
      ...(i % 3 === 0 ? [odd] : []),
      ...(i % 7 === 0 ? ["deep", "er"] : []),
    );
    const content = seededBytes(`tree ${seed} ${i}`, lengthOf(i));
    lengthBytes += content.length;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${odd}.${i}`), content);
  }
  return { fileCount, lengthBytes };
}

function lengthOf(index: number): number {
  if (index === 17) return 50_000_000;
  if (index === 117) return 20_000_000;
  if (index % 50 === 0) return 0;
  return index % 20 === 3 ? 400_000 : (index * 7919) % 9000;
}
