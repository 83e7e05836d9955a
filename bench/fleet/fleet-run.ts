import type { Clock } from "../../platform/clock.ts";
import { startFleet } from "../../test/harness/fleet.ts";
import type { Fleet } from "../../test/harness/fleet.ts";
import type { Nginx } from "../../test/harness/nginx.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import type { RunRecord } from "./bench-result.ts";
import { dfgetClient } from "./dfget-client.ts";
import { readFigures } from "./fleet-figures.ts";
import { FleetDownloads } from "./fleet-downloads.ts";
import { FleetKills } from "./fleet-kills.ts";
import type { OriginFile } from "./origin-files.ts";
import { socketClient } from "./socket-client.ts";
import { sum } from "./statistics.ts";
import type { Topology } from "./topology.ts";
import { zoneOfNode } from "./topology.ts";

/** Where a run takes place, and what is fetched in it. */
export interface RunScene {
  readonly topology: Topology;
  readonly nginx: Nginx;
  readonly files: readonly OriginFile[];
  readonly arrivalsMs: readonly number[];
}

const READY_MS_MAX = 120_000;

/**
 * Starts a supernode and nodes without any content, downloads everywhere, compares all digests and stops
 * everything again. Throws when a node fails that was not killed, or has wrong content.
 */
export async function runFleet(
  options: FleetBenchOptions,
  scene: RunScene,
  clock: Clock,
  signal: AbortSignal,
): Promise<RunRecord> {
  const { topology, nginx } = scene;
  await using fleet = await startFleet({
    nodeProgram: "dfget",
    nodeCount: options.nodeCount,
    placement: { supernode: topology.supernode, nodes: topology.nodes },
    allowOrigins: [nginx.authority],
    argsOfNode: (index) => zoneArgs(zoneOfNode(options, index)),
    readyTimeoutMs: READY_MS_MAX,
    signal,
  });
  await using _processes = stoppingTogether(fleet, signal);
  try {
    return await measure(fleet, options, scene, clock, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`${String(error)}\n${fleet.lastWords()}`, { cause: error });
  }
}

async function measure(
  fleet: Fleet,
  options: FleetBenchOptions,
  { topology, nginx, files, arrivalsMs }: RunScene,
  clock: Clock,
  signal: AbortSignal,
): Promise<RunRecord> {
  const client = options.client === "socket" ? socketClient : dfgetClient;
  const { pieceLengthBytes } = options;
  const plan = { originUrl: nginx.url, files, pieceLengthBytes, arrivalsMs };
  const downloads = new FleetDownloads(fleet, client, plan);
  const kills = new FleetKills(fleet, clock);
  const wantedBytes = options.nodeCount * sum(files.map(({ lengthBytes }) => lengthBytes));
  await nginx.log.forget();
  const before = await readFigures(fleet, topology, options.zoneCount);

  const over = new AbortController();
  const killing = kills
    .carryOut(options.kills, wantedBytes, AbortSignal.any([signal, over.signal]))
    .catch((error: unknown) => {
      if (!over.signal.aborted && !signal.aborted) throw error;
    });
  const [outcomes] = await Promise.all([
    downloads
      .run((index) => kills.isNodeKilled(index), clock, signal)
      .finally(() => over.abort(new Error("all downloads are over"))),
    killing,
  ]);

  const after = await readFigures(fleet, topology, options.zoneCount);
  const gets = (await nginx.log.records()).filter(({ method }) => method === "GET");
  await downloads.verify(outcomes, signal);
  return {
    outcomes,
    before,
    after,
    originRequests: gets.length,
    originSentBytes: sum(gets.map(({ bytes }) => bytes)),
  };
}

function zoneArgs(zone: number | undefined): readonly string[] {
  return zone === undefined ? [] : ["--zone", `zone-${zone}`];
}

/** Ends all processes of a fleet at the same time, and at once when the bench was interrupted. */
function stoppingTogether(fleet: Fleet, signal: AbortSignal): AsyncDisposable {
  const processes = [fleet.supernode, ...fleet.nodes.map((node) => node.process)];
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        processes.map((process) => (signal.aborted ? process.killHard() : process.stop())),
      );
    },
  };
}
