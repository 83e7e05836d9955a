import { statfsSync } from "node:fs";
import type { Clock } from "../platform/clock.ts";
import { StorageFullError } from "./piece-store.ts";

export interface StorageBudgetOptions {
  /** The most bytes that the store may use; 0 = no limit. */
  readonly quotaBytes: number;
  /** Bytes of the file system that are left free for others. */
  readonly freeFloorBytes: number;
}

interface StorageBudgetDeps {
  readonly clock: Clock;
  /** Asks the file system how many bytes are free. */
  readonly freeBytes: () => number;
  /** Bytes that {@link StorageBudgetDeps.evict} could free now. */
  readonly evictableBytes: () => number;
  /** Frees at least so many bytes, the least recently used first; freed counts from the call on. */
  readonly evict: (lengthBytes: number) => void;
}

/** How long an answer of the file system is believed. */
const FREE_BYTES_AGE_MS = 1000;
/** Eviction goes down to this part of the quota, so that not every piece needs one. */
const LOW_WATER_MARK = 0.95;

/** Decides whether more bytes may be stored, and evicts to make it so. */
export class StorageBudget {
  readonly #deps: StorageBudgetDeps;
  readonly #options: StorageBudgetOptions;
  #heldBytes = 0;
  #reservedBytes = 0;
  #freeBytes = 0;
  #freeAskedAtMs = -Infinity;

  constructor(deps: StorageBudgetDeps, options: StorageBudgetOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Bytes held and reserved. */
  get usedBytes(): number {
    return this.#heldBytes + this.#reservedBytes;
  }

  /** Counts bytes as held (or, below 0, as freed) without asking whether there is room. */
  hold(lengthBytes: number): void {
    this.#heldBytes += lengthBytes;
    // What is evicted is about to be free, what is written about not to be.
    this.#freeBytes -= lengthBytes;
  }

  /** Takes room, evicting where needed. Throws StorageFullError when there is none. */
  reserve(lengthBytes: number): void {
    const neededBytes = Math.max(
      this.#overQuotaBytes(lengthBytes),
      this.#underFloorBytes(lengthBytes),
    );
    if (neededBytes > 0) {
      const evictableBytes = this.#deps.evictableBytes();
      if (evictableBytes < neededBytes) throw this.#fullError(lengthBytes);
      const spareBytes = this.#options.quotaBytes * (1 - LOW_WATER_MARK);
      this.#deps.evict(Math.min(evictableBytes, neededBytes + spareBytes));
    }
    this.#reservedBytes += lengthBytes;
  }

  /** Evicts down to the quota as far as that is possible. */
  shrink(): void {
    const neededBytes = Math.min(this.#overQuotaBytes(0), this.#deps.evictableBytes());
    if (neededBytes > 0) this.#deps.evict(neededBytes);
  }

  /** Gives room back, or turns it into held bytes together with {@link hold}. */
  release(lengthBytes: number): void {
    this.#reservedBytes -= lengthBytes;
  }

  #overQuotaBytes(lengthBytes: number): number {
    const { quotaBytes } = this.#options;
    return quotaBytes === 0 ? 0 : this.usedBytes + lengthBytes - quotaBytes;
  }

  #underFloorBytes(lengthBytes: number): number {
    const nowMs = this.#deps.clock.nowMs();
    if (nowMs - this.#freeAskedAtMs > FREE_BYTES_AGE_MS) {
      this.#freeBytes = this.#deps.freeBytes();
      this.#freeAskedAtMs = nowMs;
    }
    return this.#options.freeFloorBytes + this.#reservedBytes + lengthBytes - this.#freeBytes;
  }

  #fullError(lengthBytes: number): StorageFullError {
    const { quotaBytes, freeFloorBytes } = this.#options;
    return new StorageFullError(
      `there is no room for ${lengthBytes} more bytes: ${this.usedBytes} bytes are in use, the quota is ${quotaBytes === 0 ? "unlimited" : quotaBytes}, and ${freeFloorBytes} bytes of the disk are kept free; raise the quota or free space`,
    );
  }
}

/** What the file system of a path has left for its users. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
