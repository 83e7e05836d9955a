import type { Clock } from "../../platform/clock.ts";
import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { Nginx } from "../../test/harness/nginx.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { drawArrivals } from "./arrivals.ts";
import { pieceTotal } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { runResult } from "./bench-result.ts";
import type { RunFrame, RunResult } from "./bench-result.ts";
import { bound } from "./bound.ts";
import { directPull } from "./direct-pull.ts";
import { runFleet } from "./fleet-run.ts";
import type { RunScene } from "./fleet-run.ts";
import { writeOriginFiles } from "./origin-files.ts";
import type { OriginFile } from "./origin-files.ts";
import { measurePayloadFactor } from "./payload-probe.ts";
import { payloadBytesPerSecond } from "./payload-rate.ts";
import { sum } from "./statistics.ts";
import { Topology, nodeCountsOfZones } from "./topology.ts";

/** Everything that a bench measured. */
export interface FleetBenchOutcome {
  readonly frame: RunFrame;
  /** What a plain download got of its link. */
  readonly measuredPayloadFactor: number;
  /** Without Darter; undefined when it was not measured. */
  readonly directSeconds: number | undefined;
  /** At least one. */
  readonly runs: readonly RunResult[];
}

/** Says what is being done. */
export type Say = (sentence: string) => void;

/** Makes the hosts, measures everything that the options ask for, and removes all again. */
export async function runFleetBench(
  options: FleetBenchOptions,
  deps: { readonly clock: Clock; readonly say: Say },
  signal: AbortSignal,
): Promise<FleetBenchOutcome> {
  const { clock, say } = deps;
  await using directory = await TemporaryDirectory.create("bench");
  say("writing the files of the origin");
  const { path } = directory;
  const write = async (label: string, lengths: readonly number[]): Promise<readonly OriginFile[]> =>
    await writeOriginFiles(path, label, lengths, options.seed, signal);
  const files = await write("file", options.fileLengthsBytes);
  const [warmUp] = await write("warm-up", options.warmUpBytes > 0 ? [options.warmUpBytes] : []);
  say(`making ${options.nodeCount + 2} hosts`);
  await using topology = await Topology.create(options);
  await using nginx = await Nginx.start({ directory: path, host: topology.origin });
  signal.throwIfAborted();
  const random = seededRandom(options.seed);
  const arrivalsMs = drawArrivals(options.nodeCount, options.staggerMs, random);
  const scene: RunScene = { topology, nginx, files, warmUp, arrivalsMs };

  say("a plain download between two hosts");
  const measuredPayloadFactor = await measurePayloadFactor(
    {
      directory: path,
      originUrl: nginx.url,
      host: topology.network.host(2),
      mbit: Math.min(options.originMbit, options.nodeMbit, options.zoneMbit ?? Infinity),
    },
    signal,
  );
  const directSeconds = options.isDirectMeasured
    ? await measureDirect(scene, deps, signal)
    : undefined;
  const frame = frameOf(options, arrivalsMs);
  const runs: RunResult[] = [];
  for (let number = 1; number <= options.runCount; number++) {
    say(`through Darter, run ${number} of ${options.runCount}`);
    runs.push(runResult(await runFleet(options, scene, clock, signal), frame));
  }
  return { frame, measuredPayloadFactor, directSeconds, runs };
}

async function measureDirect(
  { topology, nginx, files, arrivalsMs }: RunScene,
  { clock, say }: { readonly clock: Clock; readonly say: Say },
  signal: AbortSignal,
): Promise<number> {
  say("all hosts at once straight from the origin");
  const hosts = topology.nodes;
  return await directPull({ hosts, originUrl: nginx.url, files, arrivalsMs }, clock, signal);
}

/** The work and its bound. */
export function frameOf(options: FleetBenchOptions, arrivalsMs: readonly number[]): RunFrame {
  const wantedBytes = sum(options.fileLengthsBytes);
  const { zoneMbit } = options;
  return {
    wantedBytes,
    pieceCount: pieceTotal(options),
    bound: bound({
      wantedBytes,
      nodeCount: options.nodeCount,
      nodeRate: payloadBytesPerSecond(options.nodeMbit),
      seedRate: payloadBytesPerSecond(options.seedMbit),
      originRate: payloadBytesPerSecond(options.originMbit),
      zones:
        options.zoneCount === 1
          ? undefined
          : {
              nodeCounts: nodeCountsOfZones(options),
              uplinkRate: zoneMbit === undefined ? undefined : payloadBytesPerSecond(zoneMbit),
            },
      lastArrivalSeconds: Math.max(...arrivalsMs) / 1000,
    }),
  };
}
