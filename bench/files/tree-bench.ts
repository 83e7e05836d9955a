import { join } from "node:path";

import type { Fleet } from "../../test/harness/fleet.ts";
import { cpuSeconds } from "../../test/harness/process-figures.ts";
import { runCommand } from "../../test/harness/run-command.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { percentile, sum } from "../fleet/statistics.ts";
import type { ClientRun } from "../transfer/client-run.ts";
import { runClient } from "../transfer/client-run.ts";
import type { FilesBenchOptions } from "./bench-options.ts";
import { BUILT_DFGET } from "./bench-options.ts";
import type { TreePlace } from "./tree-scene.ts";
import { TreeScene } from "./tree-scene.ts";

/**
 * In what state a fleet is that fetches a tree which it knows nothing of: started a moment ago, or having fetched another such tree before, as
 * daemons have that run for days. The name is also that of the tree.
 */
export const FLEET_STATES = ["cold", "warm"] as const;
export type FleetState = (typeof FLEET_STATES)[number];

/** One tree: wget on one host, then dfget on all of them at once. */
export interface TreeRound {
  readonly state: FleetState;
  readonly wget_s: number;
  /** Until the last node had the tree. */
  readonly dfget_s: number;
  readonly nodes_cpu_s: number;
  readonly supernode_cpu_s: number;
  readonly commands_cpu_s: number;
  readonly wget_cpu_s: number;
  /** Requests for files that the origin answered during the part of dfget. */
  readonly origin_requests: number;
}

/** Medians of the rounds in one place, for one state of the fleet. */
export interface TreeFigures extends TreeRound {
  readonly place: TreePlace;
  /** How long the origin's answers are under way besides. */
  readonly round_trip_ms: number;
  readonly file_count: number;
  readonly tree_mb: number;
  readonly node_count: number;
  /** Time of all nodes together : time of one wget. */
  readonly dfget_to_wget_ratio: number;
  /** CPU of nodes, commands and supernode, for one file on one node. */
  readonly cpu_ms_per_file_and_node: number;
}

/** Fetches the trees in `directory`, which are named by the states, at one place, as often as asked for. */
export async function runTreeBench(
  place: TreePlace,
  tree: { readonly directory: string; readonly fileCount: number; readonly lengthBytes: number },
  options: FilesBenchOptions,
  { say, signal }: { readonly say: (sentence: string) => void; readonly signal: AbortSignal },
): Promise<{ readonly figures: readonly TreeFigures[]; readonly rounds: readonly TreeRound[] }> {
  await using scene = await TreeScene.create(place, tree.directory, options);
  const rounds: TreeRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    signal.throwIfAborted();
    const measured = await measureRound(scene, tree.directory, options, signal);
    rounds.push(...measured);
    for (const { state, wget_s: wget, dfget_s: dfget } of measured) {
      say(
        `tree, ${place}, ${state}, round ${round} of ${options.rounds}: wget ${wget.toFixed(2)} s, ${options.nodeCount} x dfget ${dfget.toFixed(2)} s`,
      );
    }
  }
  const figures = FLEET_STATES.map((state) =>
    figuresOf(
      rounds.filter((round) => round.state === state),
      { place, state, tree, options },
    ),
  );
  return { figures, rounds };
}

function figuresOf(
  rounds: readonly TreeRound[],
  {
    place,
    state,
    tree,
    options,
  }: {
    readonly place: TreePlace;
    readonly state: FleetState;
    readonly tree: { readonly fileCount: number; readonly lengthBytes: number };
    readonly options: FilesBenchOptions;
  },
): TreeFigures {
  const median = (figure: (round: TreeRound) => number): number =>
    Number(percentile(rounds.map(figure), 0.5).toPrecision(4));
  const cpuOf = (round: TreeRound): number =>
    round.nodes_cpu_s + round.supernode_cpu_s + round.commands_cpu_s;
  return {
    place,
    state,
    round_trip_ms: place === "far" ? options.roundTripMs : 0,
    file_count: tree.fileCount,
    tree_mb: Number((tree.lengthBytes / 1e6).toFixed(1)),
    node_count: options.nodeCount,
    wget_s: median((round) => round.wget_s),
    dfget_s: median((round) => round.dfget_s),
    dfget_to_wget_ratio: median((round) => round.dfget_s / round.wget_s),
    nodes_cpu_s: median((round) => round.nodes_cpu_s),
    supernode_cpu_s: median((round) => round.supernode_cpu_s),
    commands_cpu_s: median((round) => round.commands_cpu_s),
    wget_cpu_s: median((round) => round.wget_cpu_s),
    cpu_ms_per_file_and_node: median(
      (round) => (cpuOf(round) * 1000) / tree.fileCount / options.nodeCount,
    ),
    origin_requests: median((round) => round.origin_requests),
  };
}

/** A supernode and nodes that have nothing fetch one tree after the other. */
async function measureRound(
  scene: TreeScene,
  directory: string,
  options: FilesBenchOptions,
  signal: AbortSignal,
): Promise<readonly TreeRound[]> {
  await using targets = await TemporaryDirectory.create("trees");
  await using fleet = await scene.startFleet(options.nodeCount, signal);
  const rounds: TreeRound[] = [];
  for (const state of FLEET_STATES) {
    const place = { original: join(directory, state), targets: targets.join(`${state}-of`) };
    rounds.push(await measureTree(scene, fleet, state, place, options, signal));
  }
  return rounds;
}

/** Nothing is removed before the end: some file systems take long for new files soon after many have gone. */
async function measureTree(
  scene: TreeScene,
  fleet: Fleet,
  state: FleetState,
  { original, targets }: { readonly original: string; readonly targets: string },
  options: FilesBenchOptions,
  signal: AbortSignal,
): Promise<TreeRound> {
  const url = scene.urlOf(state);
  const wgetWords = "wget -r -np -nH -q -e robots=off -R index.html* -P".split(" ");
  const wget = await runAt(scene, 0, [...wgetWords, `${targets}-wget`, url], signal);
  await requireSame(original, join(`${targets}-wget`, state));
  await scene.nginx.log.forget();
  const pids = fleet.nodes.map(({ process: { pid } }) => pid);
  const cpuBefore = await Promise.all([fleet.supernode.pid, ...pids].map(cpuSeconds));
  const startMs = performance.now();
  const runs = await Promise.all(
    fleet.nodes.map(async ({ socketPath }, index) => {
      const flags = `-r -q -j ${options.filesAtOnce} --socket ${socketPath} -o`.split(" ");
      const words = [process.execPath, BUILT_DFGET, ...flags, `${targets}-${index}`, url];
      return await runAt(scene, index, words, signal);
    }),
  );
  const dfgetSeconds = (performance.now() - startMs) / 1000;
  const cpuAfter = await Promise.all([fleet.supernode.pid, ...pids].map(cpuSeconds));
  const [supernodeCpu = 0, ...nodeCpus] = cpuAfter.map((seconds, i) => seconds - cpuBefore[i]!);
  for (let index = 0; index < options.nodeCount; index++) {
    await requireSame(original, `${targets}-${index}`);
  }
  const asked = (await scene.nginx.log.records()).filter(({ path }) => !path.endsWith("/"));
  return {
    state,
    wget_s: wget.seconds,
    wget_cpu_s: wget.cpuSeconds,
    dfget_s: dfgetSeconds,
    nodes_cpu_s: sum(nodeCpus),
    supernode_cpu_s: supernodeCpu,
    commands_cpu_s: sum(runs.map((run) => run.cpuSeconds)),
    origin_requests: asked.length,
  };
}

/** Runs a program on the host of a node. */
async function runAt(
  scene: TreeScene,
  index: number,
  [command = "", ...args]: readonly string[],
  signal: AbortSignal,
): Promise<ClientRun> {
  const namespace = scene.nodeHost(index)?.networkNamespace;
  if (namespace === undefined) return await runClient(command, args, signal);
  return await runClient(
    "nsenter",
    [`--net=/run/netns/${namespace}`, "--", command, ...args],
    signal,
  );
}

/** Throws an error that names what differs. */
async function requireSame(a: string, b: string): Promise<void> {
  const { code, stdout } = await runCommand({ command: "diff", args: ["-rq", a, b] });
  if (code !== 0) throw new Error(`the trees differ: ${stdout.split("\n", 3).join("; ")}`);
}
