import { close, open, write } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";

import { makeDirectory } from "../platform/make-directory.ts";
import { fileStamp } from "./file-stamp.ts";
import { storageErrorOf } from "./piece-store.ts";

const MODE = 0o600;

/**
 * Makes the file of a task that is known whole, with two trips to other threads alone: to make it and to write it may wait for
 * the disk. Resolves to its stamp, or to undefined where a file stands there already, which is left as it is. Throws
 * StorageFullError, or the error of the file system; no file is left then.
 */
export async function writeWholeFile(
  path: string,
  content: Uint8Array,
): Promise<string | undefined> {
  let fd: number;
  try {
    fd = await openNew(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      await makeDirectory(dirname(path));
      return await openNew(path);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw storageErrorOf(error);
  }
  try {
    for (let done = 0; done < content.length;) done += await writeFrom(fd, content, done);
    return fileStamp(fd);
  } catch (error) {
    // Before anybody else may make the file anew: it would be removed.
    await rm(path, { force: true }).catch(() => undefined);
    throw storageErrorOf(error);
  } finally {
    close(fd, () => undefined);
  }
}

function openNew(path: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  open(path, "wx", MODE, (error, fd) => (error ? reject(error) : resolve(fd)));
  return promise;
}

function writeFrom(fd: number, content: Uint8Array, done: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  write(fd, content, done, content.length - done, done, (error, written) =>
    error ? reject(error) : resolve(written),
  );
  return promise;
}
