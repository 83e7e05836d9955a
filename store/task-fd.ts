import { close, constants, open } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { storageErrorOf } from "./piece-store.ts";

const openPath = promisify(open);

/** Closes a file. It does not fail: there is nothing left that a caller could do. */
export const closeFd = (fd: number): Promise<void> =>
  new Promise((resolve) => {
    close(fd, () => resolve());
  });

/**
 * Opens a task's file for reading and writing, making it when absent; `isNew` empties it. A file that somebody made
 * read-only, because it has a second name outside of the store, is opened for reading alone.
 */
export async function openTaskFd(path: string, isNew: boolean): Promise<number> {
  const flags = constants.O_RDWR | constants.O_CREAT | (isNew ? constants.O_TRUNC : 0);
  try {
    return await openPath(path, flags, 0o600).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "EACCES" && !isNew) return await openPath(path, constants.O_RDONLY);
      if (error.code !== "ENOENT") throw error;
      await mkdir(dirname(path), { recursive: true });
      return await openPath(path, flags, 0o600);
    });
  } catch (error) {
    throw storageErrorOf(error);
  }
}
