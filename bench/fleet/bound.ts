/** The network and the work that a bound is computed for. Rates are content bytes per second. */
export interface BoundInput {
  /** F: the bytes that each node wants. */
  readonly wantedBytes: number;
  readonly nodeCount: number;
  /** Up and down of each node. */
  readonly nodeRate: number;
  readonly seedRate: number;
  readonly originRate: number;
  /** How many nodes stand in each zone, and what each zone's uplink carries each way; undefined for one zone. */
  readonly zones:
    { readonly nodeCounts: readonly number[]; readonly uplinkRate: number | undefined } | undefined;
  /** When the last node begins, after the first. */
  readonly lastArrivalSeconds: number;
}

/** One thing that no scheduling can be faster than. */
export interface BoundTerm {
  readonly name: string;
  readonly seconds: number;
}

/**
 * The terms of the bound: the time from the first arrival until the last node has everything is at least each
 * of them, whatever is done.
 */
export function boundTerms(input: BoundInput): readonly BoundTerm[] {
  const { wantedBytes, nodeCount, nodeRate, seedRate, zones } = input;
  const terms = [
    { name: "origin", seconds: wantedBytes / input.originRate },
    { name: "seed's uplink", seconds: wantedBytes / seedRate },
    { name: "a node's downlink", seconds: input.lastArrivalSeconds + wantedBytes / nodeRate },
    {
      name: "all uplinks together",
      seconds: (nodeCount * wantedBytes) / (seedRate + nodeCount * nodeRate),
    },
  ];
  const uplinkRate = zones?.uplinkRate;
  if (zones === undefined || uplinkRate === undefined) return terms;
  const largest = Math.max(...zones.nodeCounts);
  return [
    ...terms,
    { name: "a zone's uplink", seconds: wantedBytes / uplinkRate },
    {
      name: "a zone's uplink and its nodes' together",
      seconds: (largest * wantedBytes) / (uplinkRate + largest * nodeRate),
    },
  ];
}

/** The largest term. */
export function bound(input: BoundInput): BoundTerm {
  return boundTerms(input).reduce((most, term) => (term.seconds > most.seconds ? term : most));
}
