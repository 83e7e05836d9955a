import type { Stats } from "node:fs";
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

import { giveBack } from "../../platform/own-memory.ts";
import { fileFailure } from "./file-failure.ts";
import { partPathOf, removeAbandonedPartsHere, removeOnExit } from "./part-name.ts";
import type { FileAttributes, Placed, Target } from "./target-file.ts";
import { finishClone, openTargetFile } from "./target-file.ts";

/** What is longer is written as it comes. */
export const SHORT_BYTES_MAX = 768 * 1024;

/** File systems of this machine as statfs names them: ext, xfs, btrfs, zfs, f2fs, overlay, tmpfs, bcachefs. */
const LOCAL_TYPES = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x794c7630, 0x01021994, 0xca451a4e,
]);

/** Whether directories are ones of this machine that may be written to; asked once for each. */
const directories = new Map<string, boolean>();
const DIRECTORIES_MAX = 1024;

/**
 * Opens a target at `path` as {@link openTargetFile} does. Where that is a regular file on a disk of this machine, what is short is
 * kept in memory until it is whole and then written in one go, without another thread and without waiting for the disk:
 * of a thousand small files that is most of the work. Throws as openTargetFile does.
 */
export async function openTarget(path: string, signal: AbortSignal): Promise<Target> {
  let replaced: Stats | undefined;
  try {
    replaced = lstatSync(path, { throwIfNoEntry: false });
    const isRegular = replaced === undefined || replaced.isFile();
    if (!isRegular || !(await isOurs(dirname(path)))) return await openTargetFile(path, signal);
    if (replaced) accessSync(path, constants.W_OK);
  } catch (error) {
    throw fileFailure(error, path);
  }
  return new ShortTarget(path, replaced, signal);
}

async function isOurs(directory: string): Promise<boolean> {
  const known = directories.get(directory);
  if (known !== undefined) return known;
  accessSync(directory, constants.W_OK | constants.X_OK);
  const isLocal = LOCAL_TYPES.has(statfsSync(directory).type >>> 0);
  if (directories.size >= DIRECTORIES_MAX) directories.clear();
  directories.set(directory, isLocal);
  if (isLocal) await removeAbandonedPartsHere(directory);
  return isLocal;
}

class ShortTarget implements Target {
  readonly #path: string;
  readonly #replaced: Stats | undefined;
  readonly #signal: AbortSignal;
  #chunks: Uint8Array[] = [];
  #lengthBytes = 0;
  /** Takes over when the content turns out to be long. */
  #long: Target | undefined;
  #link: { readonly path: string; readonly guard: Disposable } | undefined;

  constructor(path: string, replaced: Stats | undefined, signal: AbortSignal) {
    this.#path = path;
    this.#replaced = replaced;
    this.#signal = signal;
  }

  get linkPath(): string {
    if (!this.#link) {
      const path = `${partPathOf(this.#path).slice(0, -".part".length)}.link`;
      this.#link = { path, guard: removeOnExit(path) };
    }
    return this.#link.path;
  }

  async write(bytes: Uint8Array, isLasting = false): Promise<void> {
    if (!this.#long && this.#lengthBytes + bytes.length <= SHORT_BYTES_MAX) {
      this.#chunks.push(isLasting ? bytes : new Uint8Array(bytes));
      this.#lengthBytes += bytes.length;
      return;
    }
    this.#long ??= await this.#openLong();
    await this.#long.write(bytes);
  }

  async restart(): Promise<void> {
    this.#chunks = [];
    this.#lengthBytes = 0;
    await this.#long?.restart?.();
  }

  async commit(
    attributes: FileAttributes & { readonly placed?: Placed | undefined } = {},
  ): Promise<void> {
    try {
      const { placed } = attributes;
      if (placed === "clone")
        await finishClone(this.linkPath, this.#madeHere(), this.#replaced, attributes);
      if (placed) renameSync(this.linkPath, this.#path);
      else if (this.#long) await this.#long.commit(attributes);
      else this.#writeAll(attributes);
    } catch (error) {
      throw fileFailure(error, this.#path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#long?.[Symbol.asyncDispose]();
    if (!this.#link) return;
    rmSync(this.#link.path, { force: true });
    this.#link.guard[Symbol.dispose]();
  }

  async #openLong(): Promise<Target> {
    const long = await openTargetFile(this.#path, this.#signal);
    for (const chunk of this.#chunks) await long.write(chunk);
    this.#chunks = [];
    return long;
  }

  /** The rights and the owner of a file that is made here. */
  #madeHere(): Stats {
    const path = partPathOf(this.#path);
    const fd = openSync(path, "wx", this.#replaced ? 0o600 : 0o666);
    try {
      return fstatSync(fd);
    } finally {
      closeSync(fd);
      rmSync(path);
    }
  }

  /** No signal comes between: the file is there, or not. */
  #writeAll(attributes: FileAttributes): void {
    const partPath = partPathOf(this.#path);
    const fd = openSync(partPath, "wx", this.#replaced ? 0o600 : 0o666);
    try {
      try {
        for (const chunk of this.#chunks) writeWhole(fd, chunk);
        this.#describe(fd, attributes);
      } finally {
        closeSync(fd);
      }
      renameSync(partPath, this.#path);
      this.#chunks.forEach(giveBack);
    } catch (error) {
      rmSync(partPath, { force: true });
      throw error;
    }
  }

  #describe(fd: number, { mode, modifiedAtMs }: FileAttributes): void {
    const replaced = this.#replaced;
    // Only root may give a file to somebody else, and a time that is far away does not fit.
    if (replaced) attempt(() => fchownSync(fd, replaced.uid, replaced.gid));
    const rights = mode ?? (replaced && replaced.mode & 0o777);
    if (rights !== undefined) fchmodSync(fd, rights);
    if (modifiedAtMs === undefined) return;
    attempt(() => futimesSync(fd, modifiedAtMs / 1000, modifiedAtMs / 1000));
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

function attempt(call: () => void): void {
  try {
    call();
  } catch {
    // What is not possible is left as it is.
  }
}
