import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";

import { makeDirectory } from "../../platform/make-directory.ts";
import type { FoundFiles } from "../source/find-files.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { fileFailure } from "./file-failure.ts";

/**
 * Makes the directories that files go to, and the files whose content is known already. Disposing what is returned
 * removes them again where not one of the files has come. Throws UserError (local file).
 */
export async function makePlaces(
  plans: readonly DownloadPlan[],
  found: FoundFiles,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const made: string[] = [];
  const paths: string[] = [];
  stack.defer(async () => {
    const outputs = plans.map(({ output }) => output);
    if (outputs.some((output) => output.kind === "file" && existsSync(output.path))) return;
    if (made.length === 0) return;
    for (const path of paths) await rm(path, { force: true });
    // What somebody else put there meanwhile stays.
    for (const path of made.toReversed()) await rmdir(path).catch(() => undefined);
  });
  const directories = new Set(found.directories);
  for (const { output } of plans) {
    if (output.kind === "file" && output.newDirectory !== undefined) {
      directories.add(output.newDirectory);
    }
  }
  for (const path of directories) {
    try {
      made.push(...(await makeDirectory(path)));
    } catch (error) {
      throw fileFailure(error, path);
    }
  }
  if (found.contents.length > 0) {
    const { writeContents } = await import("../source/find-files.ts");
    paths.push(...found.contents.map(({ path }) => path));
    await writeContents(found);
  }
  return stack.move();
}
