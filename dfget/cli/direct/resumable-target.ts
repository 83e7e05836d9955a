import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import type { OriginVersion } from "../../../platform/origin/origin-version.ts";
import { versionName } from "../../../platform/origin/origin-version.ts";
import type { DownloadPlan } from "../download-plan.ts";
import { fileFailure } from "../file-failure.ts";
import { isAlive, shortened } from "../part-name.ts";
import type { Receiver } from "../receive-download.ts";
import type { Target } from "../target-file.ts";
import { finish, placeOf, syncDirectory, writeAll } from "../target-file.ts";
import type { VersionKeeper } from "./direct-engine.ts";

/** So much more is written before it is noted to be safe; an interruption costs at most this. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** What is kept beside a part: no URL and no header, which may hold secrets. */
interface PartState {
  readonly version: OriginVersion;
  readonly safeBytes: number;
}

/** A target that outlives an interruption, and the version of what it holds. */
export interface ResumableTarget extends Target, VersionKeeper {
  /** Gives what an earlier run has left to a receiver. */
  restore(receiver: Receiver): Promise<void>;
}

/**
 * Opens a target at the path of a plan whose part stays when it is disposed without `commit`, and is gone on with by
 * the next run for the same URL and headers. Returns undefined where there can be none: another process is at it, or
 * the place is no regular file, or where the part begins is not known. Throws UserError (local file).
 */
export async function openResumableTarget(
  path: string,
  plan: DownloadPlan,
): Promise<ResumableTarget | undefined> {
  const place = await placeOf(path).catch(() => path);
  const info = await stat(place).catch(() => undefined);
  const isAtEnd = plan.range !== undefined && "suffixBytes" in plan.range;
  if (isAtEnd || (info && !info.isFile())) return undefined;
  const partPath = join(dirname(place), partName(basename(place), plan));
  if (!(await lock(`${partPath}.lock`))) return undefined;
  try {
    const file = await open(partPath, constants.O_RDWR | constants.O_CREAT, 0o600);
    const { size } = await file.stat();
    const left = plan.existing === "overwrite" ? undefined : await readState(partPath);
    const isUsable = left !== undefined && left.safeBytes > 0 && left.safeBytes <= size;
    const target = new PartTarget(place, partPath, file, isUsable ? left : undefined);
    await file.truncate(isUsable ? left.safeBytes : 0);
    return target;
  } catch (error) {
    await rm(`${partPath}.lock`, { force: true });
    throw fileFailure(error, path);
  }
}

class PartTarget implements ResumableTarget {
  readonly #path: string;
  readonly #partPath: string;
  readonly #file: FileHandle;
  #version: OriginVersion | undefined;
  #writtenBytes: number;
  #safeBytes: number;
  #isOpen = true;

  constructor(path: string, partPath: string, file: FileHandle, left: PartState | undefined) {
    this.#path = path;
    this.#partPath = partPath;
    this.#file = file;
    this.#version = left?.version;
    this.#writtenBytes = left?.safeBytes ?? 0;
    this.#safeBytes = this.#writtenBytes;
  }

  get expected(): OriginVersion | undefined {
    return this.#version;
  }

  async restore(receiver: Receiver): Promise<void> {
    for (let offset = 0; offset < this.#writtenBytes;) {
      const buffer = Buffer.alloc(Math.min(READ_BYTES, this.#writtenBytes - offset));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) return;
      receiver.adopt(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
  }

  async opened(version: OriginVersion): Promise<void> {
    const { lengthBytes, etag, lastModified } = version;
    this.#version = { lengthBytes, etag, lastModified };
  }

  async write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes, this.#path, this.#writtenBytes);
    this.#writtenBytes += bytes.length;
    if (this.#writtenBytes - this.#safeBytes >= CHECKPOINT_BYTES) await this.#checkpoint();
  }

  async restart(): Promise<void> {
    this.#version = undefined;
    this.#writtenBytes = 0;
    this.#safeBytes = 0;
    await rm(`${this.#partPath}.state`, { force: true });
    await this.#file.truncate(0);
  }

  async commit(attributes: Parameters<Target["commit"]>[0] = {}): Promise<void> {
    try {
      const replaced = await stat(this.#path).catch(() => undefined);
      const mode = attributes.mode ?? (replaced ? undefined : 0o666 & ~process.umask());
      await finish(this.#file, replaced, { ...attributes, mode });
      await this.#close();
      await rename(this.#partPath, this.#path);
      await rm(`${this.#partPath}.state`, { force: true });
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      throw fileFailure(error, this.#path);
    }
  }

  /** What is of no version cannot be gone on with, and is removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) {
      const isKept = this.#writtenBytes > 0 && this.#isVersioned && (await this.#couldKeep());
      await this.#close();
      if (!isKept) {
        for (const ending of ["", ".state", ".state.new"]) {
          await rm(`${this.#partPath}${ending}`, { force: true });
        }
      }
    }
    await rm(`${this.#partPath}.lock`, { force: true });
  }

  get #isVersioned(): boolean {
    return this.#version !== undefined && versionName(this.#version) !== undefined;
  }

  /** On a disk that is full, what stands before the last checkpoint can be gone on with, if there is one. */
  async #couldKeep(): Promise<boolean> {
    try {
      await this.#checkpoint();
      return true;
    } catch {
      await rm(`${this.#partPath}.state.new`, { force: true });
      return this.#safeBytes > 0;
    }
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  async #checkpoint(): Promise<void> {
    if (!this.#isVersioned) return;
    const state: PartState = { version: this.#version!, safeBytes: this.#writtenBytes };
    await this.#file.datasync();
    const statePath = `${this.#partPath}.state`;
    await writeFile(`${statePath}.new`, JSON.stringify(state), { mode: 0o600 });
    await rename(`${statePath}.new`, statePath);
    this.#safeBytes = this.#writtenBytes;
  }
}

function partName(name: string, { request, range }: DownloadPlan): string {
  const text = JSON.stringify([request.url, request.headers ?? {}, range]);
  const ending = `.${createHash("sha256").update(text).digest("hex").slice(0, 12)}.dfget`;
  return `.${shortened(name, ending.length + ".state.new".length + 1)}${ending}`;
}

async function readState(partPath: string): Promise<PartState | undefined> {
  try {
    const state = JSON.parse(await readFile(`${partPath}.state`, "utf8")) as Partial<PartState>;
    const { version, safeBytes } = state;
    if (!Number.isSafeInteger(safeBytes) || typeof version !== "object") return undefined;
    return versionName(version) === undefined ? undefined : { version, safeBytes: safeBytes! };
  } catch {
    return undefined;
  }
}

/** Takes the lock of a part; false when a living process has it. */
async function lock(path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      // Where nothing can be written the ordinary target says why.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
    }
    const holder = Number(await readFile(path, "latin1").catch(() => ""));
    if (!Number.isInteger(holder) || holder <= 0 || isAlive(holder)) return false;
    await rm(path, { force: true });
  }
  return false;
}
