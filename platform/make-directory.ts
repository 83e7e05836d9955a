import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a directory, and those above it that are absent; one that is there is left as it is. The `recursive` of
 * `node:fs` does not end where the system says that a new directory's parent is absent although it is there, as
 * below /proc. Resolves to those that were made, the upper ones first. Rejects with the error of the system.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<string[]> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) throw error;
    const above = await makeDirectory(parent, mode);
    // Once more also where the parent is there: somebody else may have made it meanwhile.
    return [...above, ...(await makeOne(path, mode))];
  }
}

async function makeOne(path: string, mode: number): Promise<string[]> {
  try {
    await mkdir(path, mode);
    return [path];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Some systems say of what is there that it cannot be made: a directory of a read-only disk, for one.
    const mayBeThere =
      code === "EEXIST" || code === "EROFS" || code === "EACCES" || code === "EPERM";
    if (mayBeThere && (await isDirectory(path))) return [];
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
