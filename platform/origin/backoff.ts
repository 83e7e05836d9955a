import type { Random } from "../clock.ts";

/**
 * The wait before retry number `retry` (1 or more): `baseMs` doubled each time up to `capMs`, of which a random
 * half is taken off, so that callers who failed together do not come back together.
 */
export function backoffMs(retry: number, baseMs: number, capMs: number, random: Random): number {
  const fullMs = Math.min(capMs, baseMs * 2 ** Math.min(retry - 1, 30));
  return fullMs * (0.5 + random() / 2);
}
