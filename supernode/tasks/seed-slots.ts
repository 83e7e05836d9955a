import type { LimitFunction } from "p-limit";

/** Whether work would not have to wait for others to end. */
export function isFree({ activeCount, pendingCount, concurrency }: LimitFunction): boolean {
  return activeCount + pendingCount < concurrency;
}
