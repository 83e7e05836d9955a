import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { access, constants, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { systemClock } from "../../platform/clock.ts";
import { fileFailure } from "./file-failure.ts";

const NAME_BYTES_MAX = 255;
const READER_POLL_MS = 50;

/** Where a download is written. Disposing it without `commit` leaves nothing behind. */
export interface Target extends AsyncDisposable {
  /** Resolves when the bytes are written and their memory can be used again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written the result. */
  commit(): Promise<void>;
}

/**
 * Opens a target at `path`. A regular file appears there complete or not at all: it is written beside
 * its place under a hidden name and then renamed. Devices and pipes are written to directly, a pipe once
 * somebody reads it. Throws UserError (local file) when that is not possible, or the signal's reason.
 */
export async function openTargetFile(path: string, signal: AbortSignal): Promise<Target> {
  try {
    const place = await placeOf(path);
    const info = await stat(place).catch(() => undefined);
    await using _pipe = info?.isFIFO() === true ? await openWhenRead(place, signal) : undefined;
    if (info && !info.isFile() && !info.isDirectory()) return await openSpecialFile(place);
    if (info?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    if (info) await access(place, constants.W_OK);
    return await openPartFile(place, info);
  } catch (error) {
    signal.throwIfAborted();
    throw fileFailure(error, path);
  }
}

/** Where a file written to `path` comes to stand: links are followed, also those to what is not there yet. */
async function placeOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const link = await readlink(path).catch(() => undefined);
  if (link === undefined) return path;
  return await placeOf(resolve(await realpath(dirname(path)), link));
}

/** Opens a pipe once somebody reads it; to open it at once would block, out of reach of any signal. */
async function openWhenRead(path: string, signal: AbortSignal): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
    await systemClock.sleep(READER_POLL_MS, signal);
  }
}

async function openPartFile(path: string, replaced: Stats | undefined): Promise<Target> {
  const partPath = join(dirname(path), partName(basename(path)));
  const file = await open(partPath, "wx", replaced ? 0o600 : 0o666);
  // A second signal ends the process without unwinding.
  const onExit = (): void => rmSync(partPath, { force: true });
  process.once("exit", onExit);
  let isOpen = true;
  let isCommitted = false;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  };
  return {
    write: async (bytes) => await writeAll(file, bytes, path),
    async commit() {
      try {
        if (replaced) await takeOver(file, replaced);
        await file.sync();
        await close();
        await rename(partPath, path);
        isCommitted = true;
        await syncDirectory(dirname(path));
      } catch (error) {
        throw fileFailure(error, path);
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (!isCommitted) await rm(partPath, { force: true });
      process.off("exit", onExit);
    },
  };
}

/** Gives a new file the rights of the one that it replaces. */
async function takeOver(file: FileHandle, replaced: Stats): Promise<void> {
  // Only root may give a file to somebody else.
  await file.chown(replaced.uid, replaced.gid).catch(() => undefined);
  await file.chmod(replaced.mode & 0o777);
}

async function openSpecialFile(path: string): Promise<Target> {
  const file = await open(path, "w");
  return {
    write: async (bytes) => await writeAll(file, bytes, path),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => await file.close(),
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  try {
    let offset = 0;
    while (offset < bytes.length) {
      const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset);
      offset += bytesWritten;
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** `.NAME.<random>.part`, within what a name may have. */
function partName(name: string): string {
  const ending = `.${randomBytes(6).toString("hex")}.part`;
  let kept = "";
  for (const character of name) {
    const lengthBytes = Buffer.byteLength(kept + character) + ending.length + 1;
    if (lengthBytes > NAME_BYTES_MAX) break;
    kept += character;
  }
  return `.${kept}${ending}`;
}

/** Makes the rename last through a power cut, where the file system can. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r").catch(() => undefined);
  if (!directory) return;
  await directory.sync().catch(() => undefined);
  await directory.close();
}
