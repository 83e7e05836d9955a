import type { SwarmOptions } from "../swarm/swarm.ts";

/** A node without supernodes never has neighbours to wait for, so it reads on without a pause. */
export const ALONE: Partial<SwarmOptions> = {
  orphanQuietMs: 0,
  orphanSpreadMs: 0,
  orphanRunBytes: 1024 * 1024 * 1024,
  orphanRuns: 1,
};
