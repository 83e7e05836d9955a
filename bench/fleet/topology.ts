import { Network } from "../../test/harness/network.ts";
import type { Host } from "../../test/harness/network.ts";
import type { FleetBenchOptions } from "./bench-options.ts";

const ORIGIN_HOST = 0;
const SUPERNODE_HOST = 1;
const FIRST_NODE_HOST = 2;

/** The hosts of a bench and what each of them is for. All is removed at disposal. */
export class Topology implements AsyncDisposable {
  readonly network: Network;

  private constructor(network: Network) {
    this.network = network;
  }

  /** Makes the hosts and shapes their links. Needs root. */
  static async create(options: FleetBenchOptions): Promise<Topology> {
    const rates = [options.originMbit, options.seedMbit];
    const network = await Network.create({
      hostCount: FIRST_NODE_HOST + options.nodeCount,
      rateMbitPerSecond: (index) => rates[index] ?? options.nodeMbit,
      queueMs: options.queueMs,
      ...(options.zoneCount === 1
        ? {}
        : {
            zones: {
              count: options.zoneCount,
              rateMbitPerSecond: options.zoneMbit,
              zoneOf: (hostIndex) => zoneOfNode(options, hostIndex - FIRST_NODE_HOST),
            },
          }),
    });
    return new Topology(network);
  }

  get origin(): Host {
    return this.network.host(ORIGIN_HOST);
  }

  get supernode(): Host {
    return this.network.host(SUPERNODE_HOST);
  }

  get nodes(): readonly Host[] {
    return this.network.hosts.slice(FIRST_NODE_HOST);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
  }
}

/** The zone of a node, from 0: neighbours in number are neighbours in place. Undefined when there is one zone. */
export function zoneOfNode(options: FleetBenchOptions, nodeIndex: number): number | undefined {
  if (options.zoneCount === 1 || nodeIndex < 0) return undefined;
  return Math.floor((nodeIndex * options.zoneCount) / options.nodeCount);
}

/** How many nodes stand in each zone. */
export function nodeCountsOfZones(options: FleetBenchOptions): readonly number[] {
  const counts = Array.from({ length: options.zoneCount }, () => 0);
  for (let node = 0; node < options.nodeCount; node++) {
    const zone = zoneOfNode(options, node) ?? 0;
    counts[zone] = (counts[zone] ?? 0) + 1;
  }
  return counts;
}
