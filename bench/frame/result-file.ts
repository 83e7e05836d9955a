import { access, chown, constants, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import type { BenchFrame } from "./bench-result.ts";

/** Where results are kept that bench:report shows. */
export const RESULTS_DIRECTORY = join(import.meta.dirname, "..", "results");

/**
 * Keeps a result as `<name>-<commit>.json` in a directory, and returns the path. A later result of the same name and
 * commit takes its place. The file belongs to whoever the directory belongs to, also when a bench ran as root.
 */
export async function saveResult(
  directory: string,
  name: string,
  result: BenchFrame,
): Promise<string> {
  const path = join(directory, `${name}-${commitName(result.commit)}.json`);
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(result, null, 1)}\n`);
  await giveToOwner(temporary);
  await rename(temporary, path);
  return path;
}

/** Lets a file that root has written belong to whoever its directory belongs to; does nothing for others. */
export async function giveToOwner(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  await chown(path, uid, gid);
}

/** A result that cannot be kept is better known before the measuring. Throws UserError (localFile). */
export async function requireResultsDirectory(directory: string): Promise<void> {
  try {
    if (!(await stat(directory)).isDirectory()) throw new Error("it is no directory");
    await access(directory, constants.W_OK);
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT"
        ? "is not there"
        : "is no directory that can be written to";
    throw new UserError(EXIT.localFile, `results cannot be kept: ${directory} ${reason}`, error);
  }
}

function commitName(commit: string | null): string {
  if (commit === null) return "unknown";
  return commit.includes("+") ? `${commit.slice(0, 7)}-changes` : commit.slice(0, 7);
}
