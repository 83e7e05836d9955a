import { readFileSync } from "node:fs";

/**
 * What names this boot of the machine; undefined where the system does not say. After another boot,
 * bytes that were written without a sync may be gone although their records are there.
 */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}
