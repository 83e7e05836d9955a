import type { Cable, Flow, FlowNetwork } from "./flow-network.ts";

/**
 * The max-min fair rates of all flows of these cables, from scratch: fill everything evenly, take out
 * the cable that is full first and its flows, and go on with the rest.
 */
export function exactRates(network: FlowNetwork, cables: readonly Cable[]): Map<Flow, number> {
  const rates = new Map<Flow, number>();
  const left = new Map<number, { rate: number; open: Set<Flow> }>();
  for (const cable of cables) {
    left.set(cable.id, { rate: cable.rate, open: new Set(network.flows(cable)) });
  }
  for (;;) {
    let full: Set<Flow> | undefined;
    let level = Infinity;
    for (const { rate, open } of left.values()) {
      if (open.size === 0 || rate / open.size >= level) continue;
      level = rate / open.size;
      full = open;
    }
    if (full === undefined) return rates;
    for (const flow of full) {
      rates.set(flow, level);
      for (const cable of network.path(flow)) {
        const rest = left.get(cable)!;
        rest.rate -= level;
        rest.open.delete(flow);
      }
    }
  }
}
