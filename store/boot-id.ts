import { readFileSync } from "node:fs";

/**
 * The id of this boot of the machine; undefined where the system does not tell. After another boot,
 * bytes that were written without a sync may be gone although their records are there.
 */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}
