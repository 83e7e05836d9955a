import type { Clock } from "../../platform/clock.ts";
import { startFleet } from "../../test/harness/fleet.ts";
import type { Fleet } from "../../test/harness/fleet.ts";
import type { Nginx } from "../../test/harness/nginx.ts";
import { cpuSeconds } from "../../test/harness/process-figures.ts";
import { wantedBytesOf } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import type { RunRecord } from "./bench-result.ts";
import { dfgetClient } from "./dfget-client.ts";
import { readFigures } from "./fleet-figures.ts";
import { FleetDownloads } from "./fleet-downloads.ts";
import type { NodeOutcome } from "./fleet-downloads.ts";
import { FleetKills } from "./fleet-kills.ts";
import type { OriginFile } from "./origin-files.ts";
import { readThroughMirrors } from "./range-reads.ts";
import type { ReadRange } from "./range-reads.ts";
import { socketClient } from "./socket-client.ts";
import { sum } from "./statistics.ts";
import type { Topology } from "./topology.ts";
import { zoneOfNode } from "./topology.ts";

/** Where a run takes place, and what is fetched in it. */
export interface RunScene {
  readonly topology: Topology;
  readonly nginx: Nginx;
  /** Where the origin has its files. */
  readonly directory: string;
  readonly files: readonly OriginFile[];
  /** Fetched by every node before, and asked for again with the others. */
  readonly held: readonly OriginFile[];
  /** Fetched by every node before; undefined for nothing. */
  readonly warmUp: OriginFile | undefined;
  readonly arrivalsMs: readonly number[];
  /** By node, where ranges of the first file are read; undefined where files are downloaded. */
  readonly reads: readonly (readonly ReadRange[])[] | undefined;
}

const READY_MS_MAX = 120_000;
const SETTLE_MS_MAX = 20_000;
const SETTLE_LOOK_MS = 500;
/** CPU time of all processes together between two looks. */
const SETTLED_SECONDS = 0.06;

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
    nodeProgram: scene.reads === undefined ? "dfget" : "registry-proxy",
    upstreams: scene.reads === undefined ? [] : [nginx.url],
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
  scene: RunScene,
  clock: Clock,
  signal: AbortSignal,
): Promise<RunRecord> {
  const { topology, nginx } = scene;
  await fetchBefore(fleet, options, scene, clock, signal);
  await untilIdle(fleet, clock, signal);
  const kills = new FleetKills(fleet, clock);
  const wantedBytes = options.nodeCount * wantedBytesOf(options);
  await nginx.log.forget();
  const before = await readFigures(fleet, topology, options.zoneCount);

  const over = new AbortController();
  const killing = kills
    .carryOut(options.kills, wantedBytes, AbortSignal.any([signal, over.signal]))
    .catch((error: unknown) => {
      if (!over.signal.aborted && !signal.aborted) throw error;
    });
  const work = workOf(fleet, options, scene);
  const [outcomes] = await Promise.all([
    work
      .run((index) => kills.isNodeKilled(index), clock, signal)
      .finally(() => over.abort(new Error("all downloads are over"))),
    killing,
  ]);

  const after = await readFigures(fleet, topology, options.zoneCount);
  const gets = (await nginx.log.records()).filter(({ method }) => method === "GET");
  await work.verify(outcomes, signal);
  return {
    outcomes,
    before,
    after,
    originRequests: gets.length,
    originSentBytes: sum(gets.map(({ bytes }) => bytes)),
  };
}

/** What is measured. */
interface Work {
  run(
    isKilled: (nodeIndex: number) => boolean,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<readonly NodeOutcome[]>;
  verify(outcomes: readonly NodeOutcome[], signal: AbortSignal): Promise<void>;
}

function workOf(fleet: Fleet, options: FleetBenchOptions, scene: RunScene): Work {
  const { files, held, reads, arrivalsMs, directory } = scene;
  const [file] = files;
  if (reads === undefined || file === undefined) {
    return downloadsOf(fleet, options, { ...scene, files: [...held, ...files] });
  }
  return {
    run: async (_isKilled, clock, signal) =>
      await readThroughMirrors(
        fleet,
        { file, filePath: `${directory}/${file.name}`, reads, arrivalsMs },
        clock,
        signal,
      ),
    // Every read was compared when it had come.
    verify: async () => {},
  };
}

function downloadsOf(
  fleet: Fleet,
  options: FleetBenchOptions,
  plan: Pick<RunScene, "nginx" | "files" | "arrivalsMs">,
): FleetDownloads {
  const client = options.client === "socket" ? socketClient : dfgetClient;
  const { pieceLengthBytes, filesAtOnce } = options;
  const { nginx, files, arrivalsMs } = plan;
  return new FleetDownloads(fleet, client, {
    originUrl: nginx.url,
    files,
    pieceLengthBytes,
    filesAtOnce,
    arrivalsMs,
  });
}

async function fetchBefore(
  fleet: Fleet,
  options: FleetBenchOptions,
  { nginx, warmUp, held }: RunScene,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const files = warmUp === undefined ? held : [warmUp, ...held];
  if (files.length === 0) return;
  const before = downloadsOf(fleet, options, { nginx, files, arrivalsMs: [] });
  await before.run(() => false, clock, signal);
}

/** Programs that have just started still load and compile; after a while it is measured all the same. */
async function untilIdle(fleet: Fleet, clock: Clock, signal: AbortSignal): Promise<void> {
  const pids = [fleet.supernode.pid, ...fleet.nodes.map(({ process }) => process.pid)];
  const used = async (): Promise<number> => sum(await Promise.all(pids.map(cpuSeconds)));
  const endMs = clock.nowMs() + SETTLE_MS_MAX;
  let last = await used();
  while (clock.nowMs() < endMs) {
    await clock.sleep(SETTLE_LOOK_MS, signal);
    const now = await used();
    if (now - last < SETTLED_SECONDS) return;
    last = now;
  }
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
