import type { Clock } from "../../platform/clock.ts";
import { allOrNone } from "./all-or-none.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import type { ContenderOutcome } from "./contender.ts";
import { curlTransfers } from "./curl-transfers.ts";
import type { CurlTransfer } from "./curl-transfers.ts";
import type { RunScene } from "./fleet-run.ts";
import { READS_AT_ONCE } from "./range-reads.ts";
import { sum } from "./statistics.ts";

/**
 * Lets every host fetch everything straight from the origin by curl, beginning at its arrival: all files that it does
 * not hold, or the ranges that it reads.
 */
export async function directPull(
  scene: RunScene,
  options: FleetBenchOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<ContenderOutcome> {
  const { topology, nginx, arrivalsMs } = scene;
  const atOnce = scene.reads === undefined ? options.filesAtOnce : READS_AT_ONCE;
  await nginx.log.forget();
  const startMs = clock.nowMs();
  const pulls = topology.nodes.map((host, index) => async (ending: AbortSignal) => {
    const arrivalMs = arrivalsMs[index] ?? 0;
    await clock.sleep(arrivalMs, ending);
    const beganMs = clock.nowMs();
    const done = await curlTransfers(
      {
        name: `curl on host ${host.index}`,
        networkNamespace: host.networkNamespace,
        transfers: transfersOf(scene, index),
        atOnce,
      },
      clock,
      ending,
    );
    const lastMs = clock.nowMs() - beganMs;
    if (scene.reads === undefined) return { arrivalMs, lastMs };
    return { arrivalMs, lastMs, readSeconds: done.map((transfer) => transfer.seconds) };
  });
  const hosts = await allOrNone(pulls, signal);
  const seconds = (clock.nowMs() - startMs) / 1000;
  const gets = (await nginx.log.records()).filter(({ method }) => method === "GET");
  return {
    name: "direct",
    versions: {},
    configuration: { "on each host": `curl --parallel --parallel-max ${atOnce}` },
    seconds,
    hosts,
    originRequests: gets.length,
    originSentBytes: sum(gets.map(({ bytes }) => bytes)),
  };
}

function transfersOf(
  { nginx, files, reads }: RunScene,
  hostIndex: number,
): readonly CurlTransfer[] {
  const urls = files.map(({ name }) => `${nginx.url}/${name}`);
  if (reads === undefined) {
    return files.map(({ lengthBytes }, index) => ({ url: urls[index] ?? "", lengthBytes }));
  }
  return (reads[hostIndex] ?? []).map((range) => ({
    url: urls[0] ?? "",
    range,
    lengthBytes: range.lengthBytes,
  }));
}
