import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";

import type { Clock } from "../../../platform/clock.ts";
import { runCommand } from "../../../test/harness/run-command.ts";
import { fileDigest } from "../../../test/harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { allOrNone } from "../all-or-none.ts";
import type { FleetBenchOptions } from "../bench-options.ts";
import type { ContenderOutcome } from "../contender.ts";
import type { RunScene } from "../fleet-run.ts";
import type { OriginFile } from "../origin-files.ts";
import { sum } from "../statistics.ts";
import type { RivalAt } from "./known-rivals.ts";
import type { RunningRival } from "./rival.ts";

/**
 * Starts another system on the hosts, lets it fetch what they hold, measures how it fetches the files, compares all
 * digests and ends it again. Throws when a pull fails or brings wrong content.
 */
export async function measureRival(
  { rival, directory }: RivalAt,
  scene: RunScene,
  options: FleetBenchOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<ContenderOutcome> {
  const { topology, nginx, files, held, warmUp, arrivalsMs } = scene;
  await using place = await TemporaryDirectory.create("rival");
  const version = await versionOf({ rival, directory });
  await using running = await rival.start(
    directory,
    {
      server: topology.supernode,
      nodes: topology.nodes,
      originAuthority: nginx.authority,
      originDirectory: scene.directory,
      files: [...files, ...held, ...(warmUp === undefined ? [] : [warmUp])],
      directory: place.path,
    },
    signal,
  );
  const pull = async (wanted: readonly OriginFile[], arrivals: readonly number[]) =>
    await pullEverywhere(
      running,
      { files: wanted, arrivalsMs: arrivals, atOnce: options.filesAtOnce, place: place.path },
      topology.nodes.length,
      clock,
      signal,
    );
  await pull(warmUp === undefined ? held : [warmUp, ...held], []);
  await nginx.log.forget();
  const startMs = clock.nowMs();
  const hosts = await pull(files, arrivalsMs);
  const seconds = (clock.nowMs() - startMs) / 1000;
  const gets = (await nginx.log.records()).filter(({ method }) => method === "GET");
  return {
    name: rival.name,
    versions: { [rival.versionBy.program]: version },
    configuration: running.configuration,
    seconds,
    hosts: hosts.map(({ arrivalMs, lastMs }) => ({ arrivalMs, lastMs })),
    originRequests: gets.length,
    originSentBytes: sum(gets.map(({ bytes }) => bytes)),
  };
}

/** Times end with the last byte; digests are compared when all hosts are done, so that nobody pays for it. */
async function pullEverywhere(
  running: RunningRival,
  work: {
    readonly files: readonly OriginFile[];
    readonly arrivalsMs: readonly number[];
    readonly atOnce: number;
    readonly place: string;
  },
  hostCount: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly { readonly arrivalMs: number; readonly lastMs: number }[]> {
  const outputOf = (hostIndex: number, file: OriginFile): string =>
    join(work.place, `pulled-${hostIndex}`, file.name);
  const pulls = Array.from({ length: hostCount }, (_, hostIndex) => async (ending: AbortSignal) => {
    await mkdir(join(work.place, `pulled-${hostIndex}`), { recursive: true });
    const arrivalMs = work.arrivalsMs[hostIndex] ?? 0;
    await clock.sleep(arrivalMs, ending);
    const beganMs = clock.nowMs();
    const limit = pLimit(work.atOnce);
    await allOrNone(
      work.files.map((file) => async (each: AbortSignal) => {
        const order = { hostIndex, file, outputPath: outputOf(hostIndex, file) };
        await limit(async () => await running.pull(order, each));
      }),
      ending,
    );
    return { arrivalMs, lastMs: clock.nowMs() - beganMs };
  });
  const hosts = await allOrNone(pulls, signal);
  for (let hostIndex = 0; hostIndex < hostCount; hostIndex++) {
    for (const file of work.files) {
      const path = outputOf(hostIndex, file);
      const digest = await fileDigest(path);
      if (digest !== file.digest) {
        throw new Error(`host ${hostIndex} got ${file.name} as ${digest}, not ${file.digest}`);
      }
      await rm(path);
    }
  }
  return hosts;
}

/** What the program says of itself: the first thing that looks like a version, else its first line. */
async function versionOf({ rival, directory }: RivalAt): Promise<string> {
  const { program, args } = rival.versionBy;
  const { stdout, stderr } = await runCommand({ command: join(directory, program), args });
  const said = `${stdout}\n${stderr}`.trim();
  return /v?\d+\.\d+(?:\.\d+)*\S*/.exec(said)?.[0] ?? said.split("\n", 1)[0] ?? "unknown";
}
