import { rm } from "node:fs/promises";
import { Level } from "level";

import type { Log } from "../../platform/log.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { sealValue, unsealValue } from "../../store/checked-value.ts";
import { isCorruption } from "../../store/metadata.ts";
import { decodeProof, encodeProof } from "./piece-proof.ts";
import type { PieceProof } from "./piece-proof.ts";

/** The most tasks remembered of each kind; the one written longest ago is forgotten first. */
export const RECORDS_MAX = 16_384;
/** The most bytes that the proofs take together. */
export const PROOF_BYTES_MAX = 64 * 1024 * 1024;

type Kind = "resume" | "proof";

/**
 * What a seed keeps of tasks besides their pieces: which version of the origin a half-read task was read from,
 * and, even after its pieces are evicted, what the pieces of a proven content were. A record that cannot be read
 * or written is missed and logged, nothing more.
 */
export class SeedRecords implements AsyncDisposable {
  readonly #level: Level<string, Uint8Array>;
  readonly #sizes: Record<Kind, Map<TaskId, number>> = { resume: new Map(), proof: new Map() };
  readonly #log: Log;
  #proofBytes = 0;

  private constructor(level: Level<string, Uint8Array>, log: Log) {
    this.#level = level;
    this.#log = log;
  }

  /** Opens the records in a directory, which is made when absent, and made anew when it is broken. */
  static async open(directory: string, deps: { readonly log: Log }): Promise<SeedRecords> {
    try {
      return await SeedRecords.#load(directory, deps.log);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      deps.log.error({ err: error }, "the seed's records are broken, starting without them");
    }
    await rm(directory, { recursive: true });
    return await SeedRecords.#load(directory, deps.log);
  }

  static async #load(directory: string, log: Log): Promise<SeedRecords> {
    const level = new Level<string, Uint8Array>(directory, {
      keyEncoding: "utf8",
      valueEncoding: "view",
    });
    await level.open();
    const records = new SeedRecords(level, log);
    for await (const [key, value] of level.iterator()) {
      const [kind, taskId] = parseKey(key);
      if (kind && taskId) records.#note(kind, taskId, value.length);
      else await level.del(key);
    }
    await records.#forgetOldest();
    return records;
  }

  /** The version that the pieces held of a half-read task come from. */
  async resumeVersion(taskId: TaskId): Promise<OriginVersion | undefined> {
    const bytes = await this.#get("resume", taskId);
    return bytes && decodeVersion(bytes);
  }

  async saveResumeVersion(taskId: TaskId, version: OriginVersion): Promise<void> {
    const { lengthBytes, etag, lastModified } = version;
    const text = JSON.stringify({ lengthBytes, etag, lastModified });
    await this.#put("resume", taskId, new TextEncoder().encode(text));
  }

  async deleteResumeVersion(taskId: TaskId): Promise<void> {
    if (!this.#sizes.resume.delete(taskId)) return;
    try {
      await this.#level.del(keyOf("resume", taskId));
    } catch (error) {
      this.#log.error({ err: error }, "a record of the seed cannot be deleted");
    }
  }

  /** The pieces of a content that once was proven. */
  async proof(taskId: TaskId): Promise<PieceProof | undefined> {
    const bytes = await this.#get("proof", taskId);
    return bytes && decodeProof(bytes);
  }

  async saveProof(taskId: TaskId, proof: PieceProof): Promise<void> {
    await this.#put("proof", taskId, encodeProof(proof));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#level.close();
  }

  async #get(kind: Kind, taskId: TaskId): Promise<Uint8Array | undefined> {
    const key = keyOf(kind, taskId);
    try {
      const sealed = await this.#level.get(key);
      return sealed && unsealValue(key, sealed);
    } catch (error) {
      this.#log.error({ err: error }, "a record of the seed cannot be read");
      return undefined;
    }
  }

  async #put(kind: Kind, taskId: TaskId, value: Uint8Array): Promise<void> {
    const key = keyOf(kind, taskId);
    try {
      await this.#level.put(key, sealValue(key, value));
      this.#note(kind, taskId, value.length);
      await this.#forgetOldest();
    } catch (error) {
      this.#log.error({ err: error }, "a record of the seed cannot be written");
    }
  }

  #note(kind: Kind, taskId: TaskId, lengthBytes: number): void {
    const sizes = this.#sizes[kind];
    if (kind === "proof") this.#proofBytes += lengthBytes - (sizes.get(taskId) ?? 0);
    sizes.delete(taskId);
    sizes.set(taskId, lengthBytes);
  }

  async #forgetOldest(): Promise<void> {
    for (const kind of ["resume", "proof"] as const) {
      const sizes = this.#sizes[kind];
      const bytesMax = kind === "proof" ? PROOF_BYTES_MAX : Infinity;
      while (sizes.size > RECORDS_MAX || this.#proofBytes > bytesMax) {
        const [taskId, lengthBytes] = sizes.entries().next().value!;
        sizes.delete(taskId);
        if (kind === "proof") this.#proofBytes -= lengthBytes;
        await this.#level.del(keyOf(kind, taskId));
      }
    }
  }
}

function keyOf(kind: Kind, taskId: TaskId): string {
  return `${kind}!${taskId}`;
}

function parseKey(key: string): [Kind | undefined, TaskId | undefined] {
  const [kind, taskId] = key.split("!", 2);
  return [kind === "resume" || kind === "proof" ? kind : undefined, parseTaskId(taskId ?? "")];
}

function decodeVersion(bytes: Uint8Array): OriginVersion | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const text = (name: string) => (typeof value[name] === "string" ? value[name] : undefined);
    const { lengthBytes } = value;
    return {
      lengthBytes: Number.isSafeInteger(lengthBytes) ? Number(lengthBytes) : undefined,
      etag: text("etag"),
      lastModified: text("lastModified"),
    };
  } catch {
    return undefined;
  }
}
