import { constants, fchmod, fstat } from "node:fs";
import { copyFile, link, readlink, rm } from "node:fs/promises";
import { promisify } from "node:util";

const chmodFd = promisify(fchmod);
const statFd = promisify(fstat);
/** Whoever writes to the link writes to the pieces that others get. */
const READ_ONLY = 0o444;
const CLONE = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE;

/** The file of a task that is complete. */
export interface WholeFile {
  readonly fd: number;
  readonly lengthBytes: number | undefined;
}

/** Gives an open file another name, read-only. Resolves to false where that is not possible. */
export async function linkContent(file: WholeFile, path: string): Promise<boolean> {
  try {
    if (!(await isExact(file))) return false;
    const place = await readlink(`/proc/self/fd/${file.fd}`);
    await link(place, path);
    await chmodFd(file.fd, READ_ONLY);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes a file at `path` that shares the bytes of an open one on the disk until one of both is written to. Resolves to
 * false, and leaves nothing, where the file system cannot do that, as between two of them.
 */
export async function cloneContent(file: WholeFile, path: string): Promise<boolean> {
  return (await isExact(file)) && (await copy(file.fd, path, CLONE));
}

/** Copies an open file to `path`. Resolves to false, and leaves nothing, where that is not possible. */
export async function copyContent(file: WholeFile, path: string): Promise<boolean> {
  return (await isExact(file)) && (await copy(file.fd, path, constants.COPYFILE_EXCL));
}

/** Whether {@link cloneContent} is possible between the place of an open file and `path`, where nothing is left. */
export async function canClone(fd: number, path: string): Promise<boolean> {
  if (!(await copy(fd, path, CLONE))) return false;
  await rm(path, { force: true });
  return true;
}

async function copy(fd: number, path: string, mode: number): Promise<boolean> {
  return await copyFile(`/proc/self/fd/${fd}`, path, mode).then(
    () => true,
    () => false,
  );
}

async function isExact({ fd, lengthBytes }: WholeFile): Promise<boolean> {
  return (await statFd(fd)).size === lengthBytes;
}
