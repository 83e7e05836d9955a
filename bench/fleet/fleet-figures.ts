import type { FleetNode, Fleet } from "../../test/harness/fleet.ts";
import { receivedBytes, supernodeFigures } from "../../test/harness/fleet-metrics.ts";
import type { ReceivedBytes } from "../../test/harness/fleet-metrics.ts";
import { cpuSeconds } from "../../test/harness/process-figures.ts";
import type { Topology } from "./topology.ts";

/** What the processes and links of a fleet have counted so far. Of what was killed the figures are undefined. */
export interface FleetFigures {
  readonly supernode:
    | {
        readonly seedSentBytes: number;
        readonly frames: Readonly<Record<string, number>>;
        readonly cpuSeconds: number;
      }
    | undefined;
  readonly nodes: readonly (NodeFigures | undefined)[];
  /** Bytes that came into each zone, headers included. */
  readonly zoneInBytes: readonly number[];
}

export interface NodeFigures {
  readonly received: ReceivedBytes;
  readonly cpuSeconds: number;
}

/** Reads them all at once. */
export async function readFigures(
  fleet: Fleet,
  topology: Topology,
  zoneCount: number,
): Promise<FleetFigures> {
  const zones = Array.from({ length: zoneCount > 1 ? zoneCount : 0 }, async (_, zone) => {
    return (await topology.network.zoneBytes(zone)).received;
  });
  const [supernode, nodes, zoneInBytes] = await Promise.all([
    supernodeOf(fleet),
    Promise.all(fleet.nodes.map(nodeOf)),
    Promise.all(zones),
  ]);
  return { supernode, nodes, zoneInBytes };
}

async function supernodeOf({ supernode, supernodeUrl }: Fleet): Promise<FleetFigures["supernode"]> {
  if (!supernode.isRunning) return undefined;
  const used = await cpuSeconds(supernode.pid);
  return { ...(await supernodeFigures(supernodeUrl)), cpuSeconds: used };
}

async function nodeOf({ process, peerUrl }: FleetNode): Promise<NodeFigures | undefined> {
  if (!process.isRunning) return undefined;
  const used = await cpuSeconds(process.pid);
  return { received: await receivedBytes(peerUrl), cpuSeconds: used };
}
