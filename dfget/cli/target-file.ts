import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { access, constants, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { systemClock } from "../../platform/clock.ts";
import { fileFailure } from "./file-failure.ts";
import { partPathOf, removeAbandonedParts, removeOnExit } from "./part-name.ts";

const READER_POLL_MS = 50;
/** What is longer is brought to the disk before it counts. To wait for the disk for what is shorter takes longer than to fetch it. */
const SYNCED_BYTES_MIN = 1024 * 1024;

/** What a finished file gets besides its content. */
export interface FileAttributes {
  /** When it was modified, milliseconds since 1970; now when undefined. */
  readonly modifiedAtMs?: number | undefined;
  /** Its rights; those of the file that it replaces, else the usual ones, when undefined. */
  readonly mode?: number | undefined;
}

/** Another name of the daemon's own file, or a file of its own that shares its room on the disk. */
export type Placed = "link" | "clone";

/** Where a download is written. Disposing it without `commit` leaves nothing behind. */
export interface Target extends AsyncDisposable {
  /** Where somebody may put a finished file instead of writing; undefined where that is no use. */
  readonly linkPath?: string | undefined;
  /** Resolves when the bytes are written and their memory can be used again. It is not when they are `isLasting`, before they are at their place. */
  write(bytes: Uint8Array, isLasting?: boolean): Promise<void>;
  /** Forgets what was written. Throws UserError where it has left the program already. */
  restart?(): Promise<void>;
  /** Makes what was written the result, or what stands at the link path. */
  commit(attributes?: FileAttributes & { readonly placed?: Placed | undefined }): Promise<void>;
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
    await removeAbandonedParts(dirname(place));
    return await openPartFile(place, info);
  } catch (error) {
    signal.throwIfAborted();
    throw fileFailure(error, path);
  }
}

/** Where a file written to `path` comes to stand: links are followed, also those to what is not there yet. */
export async function placeOf(path: string): Promise<string> {
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
  const partPath = partPathOf(path);
  const linkPath = `${partPath.slice(0, -".part".length)}.link`;
  const file = await open(partPath, "wx", replaced ? 0o600 : 0o666);
  // A second signal ends the process without unwinding.
  const guarding = [partPath, linkPath].map(removeOnExit);
  let writtenBytes = 0;
  let isOpen = true;
  let isCommitted = false;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  };
  return {
    linkPath,
    async write(bytes) {
      await writeAll(file, bytes, path, writtenBytes);
      writtenBytes += bytes.length;
    },
    async restart() {
      await file.truncate(0);
      writtenBytes = 0;
    },
    async commit({ placed, ...attributes } = {}) {
      try {
        const isSynced = writtenBytes >= SYNCED_BYTES_MIN;
        // A link has the rights and the time of the daemon's file.
        if (placed === "clone")
          await finishClone(linkPath, await file.stat(), replaced, attributes);
        else if (placed === undefined) await finish(file, replaced, attributes, isSynced);
        await close();
        await rename(placed ? linkPath : partPath, path);
        isCommitted = !placed;
        if (isSynced || placed) await syncDirectory(dirname(path));
      } catch (error) {
        throw fileFailure(error, path);
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (!isCommitted) await rm(partPath, { force: true });
      await rm(linkPath, { force: true });
      for (const each of guarding) each[Symbol.dispose]();
    },
  };
}

/** Gives a new file its rights and its time, and brings it to the disk unless told that it is short. */
export async function finish(
  file: FileHandle,
  replaced: Stats | undefined,
  { mode, modifiedAtMs }: FileAttributes,
  isSynced = true,
): Promise<void> {
  // Only root may give a file to somebody else.
  if (replaced) await file.chown(replaced.uid, replaced.gid).catch(() => undefined);
  const rights = mode ?? (replaced && replaced.mode & 0o777);
  if (rights !== undefined) await file.chmod(rights);
  // The times of a file are in seconds, which a date far away does not fit into.
  if (modifiedAtMs !== undefined) {
    await file.utimes(modifiedAtMs / 1000, modifiedAtMs / 1000).catch(() => undefined);
  }
  if (isSynced) await file.sync();
}

/** Gives a file that somebody else made what a file has that was made here, as the second one was, and then the rest. */
export async function finishClone(
  path: string,
  { mode, uid, gid }: Pick<Stats, "mode" | "uid" | "gid">,
  replaced: Stats | undefined,
  attributes: FileAttributes,
): Promise<void> {
  await using clone = await open(path, "r+");
  await clone.chown(uid, gid).catch(() => undefined);
  await clone.chmod(mode & 0o777);
  await finish(clone, replaced, attributes);
}

async function openSpecialFile(path: string): Promise<Target> {
  const file = await open(path, "w");
  return {
    write: async (bytes) => await writeAll(file, bytes, path),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => await file.close(),
  };
}

/** Writes bytes at an offset, or where the file stands. Throws UserError about `path`. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  path: string,
  offsetBytes?: number,
): Promise<void> {
  try {
    let offset = 0;
    while (offset < bytes.length) {
      const position = offsetBytes === undefined ? null : offsetBytes + offset;
      const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, position);
      offset += bytesWritten;
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** Makes the rename last through a power cut, where the file system can. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r").catch(() => undefined);
  if (!directory) return;
  await directory.sync().catch(() => undefined);
  await directory.close();
}
