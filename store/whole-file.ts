import { close, closeSync, open, openSync, rmSync, write, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";

import { makeDirectory } from "../platform/make-directory.ts";
import type { DiskPace } from "./disk-pace.ts";
import { fileStamp } from "./file-stamp.ts";
import { storageErrorOf } from "./piece-store.ts";

const MODE = 0o600;

/**
 * Makes the file of a task that is known whole; one that is not short with two trips to other threads. Resolves to its stamp, or
 * to undefined where a file stands there already, which is left as it is. Throws StorageFullError, or the error of the
 * file system; no file is left then.
 */
export async function writeWholeFile(
  path: string,
  content: Uint8Array,
  pace: DiskPace,
): Promise<string | undefined> {
  try {
    const isAtOnce = pace.isAtOnce(content.length);
    const make = async (): Promise<string> =>
      isAtOnce ? pace.run(() => makeAtOnce(path, content)) : await makeElsewhere(path, content);
    return await make().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      await makeDirectory(dirname(path));
      return await make();
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw storageErrorOf(error);
  }
}

function makeAtOnce(path: string, content: Uint8Array): string {
  const fd = openSync(path, "wx", MODE);
  try {
    for (let done = 0; done < content.length;) {
      done += writeSync(fd, content, done, content.length - done, done);
    }
    return fileStamp(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

async function makeElsewhere(path: string, content: Uint8Array): Promise<string> {
  const fd = await openNew(path);
  try {
    for (let done = 0; done < content.length;) done += await writeFrom(fd, content, done);
    return fileStamp(fd);
  } catch (error) {
    // Before anybody else may make the file anew: it would be removed.
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
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
