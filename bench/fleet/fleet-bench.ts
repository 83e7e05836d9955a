import { availableParallelism } from "node:os";

import type { Clock } from "../../platform/clock.ts";
import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { Nginx } from "../../test/harness/nginx.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { drawArrivals } from "./arrivals.ts";
import { pieceTotal, wantedBytesOf } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { runResult } from "./bench-result.ts";
import type { RunFrame, RunResult } from "./bench-result.ts";
import { bound } from "./bound.ts";
import type { ContenderOutcome } from "./contender.ts";
import { directPull } from "./direct-pull.ts";
import { runFleet } from "./fleet-run.ts";
import type { RunScene } from "./fleet-run.ts";
import { writeOriginFiles } from "./origin-files.ts";
import type { OriginFile } from "./origin-files.ts";
import { measurePayloadFactor } from "./payload-probe.ts";
import { payloadBytesPerSecond } from "./payload-rate.ts";
import { drawReads, offerAsBlob } from "./range-reads.ts";
import { measureRival } from "./rivals/rival-run.ts";
import type { RivalAt } from "./rivals/known-rivals.ts";
import { simulatedRun } from "./simulated-run.ts";
import type { SimulatedRun } from "./simulated-run.ts";
import { medianBy } from "./statistics.ts";
import { Topology, nodeCountsOfZones } from "./topology.ts";

/** Everything that a bench measured. */
export interface FleetBenchOutcome {
  readonly frame: RunFrame;
  /** What a plain download got of its link. */
  readonly measuredPayloadFactor: number;
  /** Without Darter: straight from the origin, when that was asked for. */
  readonly contenders: readonly ContenderOutcome[];
  /** At least one. */
  readonly runs: readonly RunResult[];
  /** The one whose ratio is the median of all. */
  readonly median: RunResult;
  /** What the simulator makes of the median run; undefined when it was not simulated. */
  readonly simulated: SimulatedRun | undefined;
}

/** Says what is being done. */
export type Say = (sentence: string) => void;

/** Makes the hosts, measures everything that the options ask for, and removes all again. */
export async function runFleetBench(
  options: FleetBenchOptions,
  deps: { readonly clock: Clock; readonly say: Say; readonly rivals?: readonly RivalAt[] },
  signal: AbortSignal,
): Promise<FleetBenchOutcome> {
  const { clock, say } = deps;
  await using stack = new AsyncDisposableStack();
  const scene = await setScene(options, stack, say, signal);
  const { topology, nginx } = scene;

  say("a plain download between two hosts");
  const measuredPayloadFactor = await measurePayloadFactor(
    {
      directory: scene.directory,
      originUrl: nginx.url,
      host: topology.network.host(2),
      mbit: Math.min(options.originMbit, options.nodeMbit, options.zoneMbit ?? Infinity),
    },
    signal,
  );
  const contenders: ContenderOutcome[] = [];
  if (options.isDirectMeasured) {
    say("all hosts at once straight from the origin");
    contenders.push(await directPull(scene, options, clock, signal));
  }
  for (const at of deps.rivals ?? []) {
    if (scene.reads !== undefined) {
      say(`${at.rival.name} is left out, since it is not measured with --reads`);
      continue;
    }
    say(`through ${at.rival.name}`);
    contenders.push(await measureRival(at, scene, options, clock, signal));
  }
  const frame = frameOf(options, scene.arrivalsMs);
  const runs: RunResult[] = [];
  for (let number = 1; number <= options.runCount; number++) {
    say(`through Darter, run ${number} of ${options.runCount}`);
    runs.push(runResult(await runFleet(options, scene, clock, signal), frame));
  }
  const median = medianBy(runs, ({ ratio }) => ratio);
  const coreCount = availableParallelism();
  const simulated = options.isSimulated
    ? simulatedRun(options, median, { frame, arrivalsMs: scene.arrivalsMs, coreCount })
    : undefined;
  return { frame, measuredPayloadFactor, contenders, runs, median, simulated };
}

async function setScene(
  options: FleetBenchOptions,
  stack: AsyncDisposableStack,
  say: Say,
  signal: AbortSignal,
): Promise<RunScene> {
  const { path: directory } = stack.use(await TemporaryDirectory.create("bench"));
  say("writing the files of the origin");
  const write = async (label: string, lengths: readonly number[]): Promise<readonly OriginFile[]> =>
    await writeOriginFiles(directory, label, lengths, options.seed, signal);
  const files = await write("file", options.fileLengthsBytes);
  const held = await write("held", options.heldLengthsBytes);
  const [warmUp] = await write("warm-up", options.warmUpBytes > 0 ? [options.warmUpBytes] : []);
  const random = seededRandom(options.seed);
  const arrivalsMs = drawArrivals(options.nodeCount, options.staggerMs, random);
  const [file] = files;
  const { reads: asked, nodeCount } = options;
  for (const each of [...files, ...held, ...(warmUp === undefined ? [] : [warmUp])]) {
    await offerAsBlob(directory, each);
  }
  const reads =
    asked === undefined || file === undefined
      ? undefined
      : drawReads({ ...asked, fileLengthBytes: file.lengthBytes, nodeCount }, random);
  say(`making ${options.nodeCount + 2} hosts`);
  const topology = stack.use(await Topology.create(options));
  const nginx = stack.use(await Nginx.start({ directory, host: topology.origin }));
  signal.throwIfAborted();
  return { topology, nginx, directory, files, held, warmUp, arrivalsMs, reads };
}

/** The work and its bound. */
export function frameOf(options: FleetBenchOptions, arrivalsMs: readonly number[]): RunFrame {
  const wantedBytes = wantedBytesOf(options);
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
