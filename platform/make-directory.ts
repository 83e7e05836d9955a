import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a directory, and those above it that are absent; one that is there is left as it is. The `recursive` of
 * `node:fs` does not end where the system says that a new directory's parent is absent although it is there, as
 * below /proc. Resolves to those that were made, the upper ones first. Rejects with the error of the system.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<string[]> {
  try {
    await mkdir(path, mode);
    return [path];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await isDirectory(path))) return [];
    // Some systems say of what is there that it cannot be made: a directory of a read-only disk, for one.
    if ((code === "EROFS" || code === "EACCES" || code === "EPERM") && (await isDirectory(path)))
      return [];
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path || (await isDirectory(parent))) throw error;
    const above = await makeDirectory(parent, mode);
    return [...above, ...(await makeDirectory(path, mode))];
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
