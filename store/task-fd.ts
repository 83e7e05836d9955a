import { close, closeSync, constants, fchmodSync, fstatSync, open, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { hasOtherName } from "./file-stamp.ts";
import { storageErrorOf } from "./piece-store.ts";
import { makeDirectory } from "../platform/make-directory.ts";

const openPath = promisify(open);
const FLAGS = constants.O_RDWR | constants.O_CREAT;
const MODE = 0o600;

/** Closes a file. It does not fail: there is nothing left that a caller could do. */
export const closeFd = (fd: number): Promise<void> =>
  new Promise((resolve) => {
    close(fd, () => resolve());
  });

/**
 * Opens a task's file for reading and writing, making it when absent; one that `isNew` begins empty, and never in a
 * file that has a second name. A file that is read-only because it has one is opened for reading alone.
 */
export async function openTaskFd(path: string, isNew: boolean): Promise<number> {
  try {
    const fd = await openPath(path, FLAGS, MODE).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "EACCES") return await openReadOnly(path);
      if (error.code !== "ENOENT") throw error;
      await makeDirectory(dirname(path));
      return await openPath(path, FLAGS, MODE);
    });
    if (!isNew || fstatSync(fd).size === 0) return fd;
    await closeFd(fd);
    await rm(path, { force: true });
    return await openPath(path, FLAGS, MODE);
  } catch (error) {
    throw storageErrorOf(error);
  }
}

/**
 * Makes a task's file at once, empty. Returns undefined where that is not done with one call, as when there is a file
 * already; {@link openTaskFd} does it then, or says why not.
 */
export function makeTaskFd(path: string): number | undefined {
  try {
    return openSync(path, FLAGS | constants.O_EXCL, MODE);
  } catch {
    return undefined;
  }
}

/** Closes the file of a short task, for which nothing is waited for. */
export function closeShortFd(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // As above.
  }
}

/** Of a file whose second name is gone nothing but its mode says that it had one. */
async function openReadOnly(path: string): Promise<number> {
  const fd = await openPath(path, constants.O_RDONLY);
  if (hasOtherName(fd)) return fd;
  fchmodSync(fd, MODE);
  await closeFd(fd);
  return await openPath(path, FLAGS, MODE);
}
