import type { Fleet } from "../../test/harness/fleet.ts";
import { startFleet } from "../../test/harness/fleet.ts";
import { Network } from "../../test/harness/network.ts";
import { Nginx } from "../../test/harness/nginx.ts";
import { mustRun } from "../../test/harness/run-command.ts";
import { percentile } from "../fleet/statistics.ts";
import { watchProcesses } from "./process-use.ts";

/** One download by curl. */
interface Download {
  readonly seconds: number;
  readonly firstByteMs: number;
}

/** One round: straight from nginx, and through a registry proxy and a supernode that had nothing, then all. */
interface Round {
  readonly direct: Download;
  readonly cold: Download;
  readonly warm: Download;
  readonly supernodeCpuSeconds: number;
  readonly proxyCpuSeconds: number;
}

/** Medians of the rounds over one link. */
export interface StreamingFigures {
  /** Of the registry's link; null for loopback. */
  readonly link_mbit: number | null;
  readonly direct_s: number;
  readonly cold_s: number;
  readonly cold_minus_direct_ms: number;
  readonly warm_to_nginx_ratio: number;
  readonly direct_first_byte_ms: number;
  readonly cold_first_byte_ms: number;
  readonly supernode_cpu_s: number;
  readonly proxy_cpu_s: number;
}

export interface StreamingScene {
  /** What nginx serves, with the blob at `blobPath`. */
  readonly directory: string;
  readonly blobPath: string;
  readonly rounds: number;
}

const LINK_MBIT = 1000;

/** Measures a layer that streams through one node, on loopback and with the registry behind a link of 1 Gbit/s. */
export async function runStreamingBench(
  scene: StreamingScene,
  say: (sentence: string) => void,
  signal: AbortSignal,
): Promise<readonly StreamingFigures[]> {
  await using loopback = await Nginx.start({ directory: scene.directory });
  const figures = [await measureLink(scene, loopback.authority, null, say, signal)];
  if (process.getuid?.() === 0) {
    await using network = await Network.create({
      hostCount: 1,
      rateMbitPerSecond: () => LINK_MBIT,
      queueMs: 10,
    });
    await using far = await Nginx.start({ directory: scene.directory, host: network.host(0) });
    figures.push(await measureLink(scene, far.authority, LINK_MBIT, say, signal));
  }
  return figures;
}

async function measureLink(
  { blobPath, rounds }: StreamingScene,
  authority: string,
  linkMbit: number | null,
  say: (sentence: string) => void,
  signal: AbortSignal,
): Promise<StreamingFigures> {
  const all: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    signal.throwIfAborted();
    const measured = await measureRound(authority, blobPath, signal);
    const { direct, cold, warm } = measured;
    say(
      `streaming over ${linkMbit ?? "loopback"}, round ${round} of ${rounds}: direct ${direct.seconds.toFixed(2)} s, cold ${cold.seconds.toFixed(2)} s, warm ${warm.seconds.toFixed(2)} s`,
    );
    // In the first one files and programs are not warm yet.
    if (round > 0) all.push(measured);
  }
  const median = (figure: (round: Round) => number): number =>
    Number(percentile(all.map(figure), 0.5).toPrecision(4));
  return {
    link_mbit: linkMbit,
    direct_s: median(({ direct }) => direct.seconds),
    cold_s: median(({ cold }) => cold.seconds),
    cold_minus_direct_ms: median(({ cold, direct }) => (cold.seconds - direct.seconds) * 1000),
    warm_to_nginx_ratio: median(({ warm, direct }) => direct.seconds / warm.seconds),
    direct_first_byte_ms: median(({ direct }) => direct.firstByteMs),
    cold_first_byte_ms: median(({ cold }) => cold.firstByteMs),
    supernode_cpu_s: median(({ supernodeCpuSeconds }) => supernodeCpuSeconds),
    proxy_cpu_s: median(({ proxyCpuSeconds }) => proxyCpuSeconds),
  };
}

async function measureRound(
  authority: string,
  blobPath: string,
  signal: AbortSignal,
): Promise<Round> {
  await using fleet = await startOne(authority, signal);
  const direct = await download(`http://${authority}${blobPath}`);
  const uses = [
    await watchProcesses([fleet.supernode.pid]),
    await watchProcesses([fleet.node(0).process.pid]),
  ];
  const url = fleet.node(0).mirrorUrl + blobPath;
  const cold = await download(url);
  const [supernode, proxy] = await Promise.all(uses.map(async (use) => await use()));
  const warm = await download(url);
  return {
    direct,
    cold,
    warm,
    supernodeCpuSeconds: supernode!.cpuSeconds,
    proxyCpuSeconds: proxy!.cpuSeconds,
  };
}

async function startOne(authority: string, signal: AbortSignal): Promise<Fleet> {
  return await startFleet({
    nodeProgram: "registry-proxy",
    nodeCount: 1,
    upstreams: [`http://${authority}`],
    allowOrigins: [authority],
    signal,
  });
}

async function download(url: string): Promise<Download> {
  const format = "%{time_starttransfer} %{time_total}";
  const said = await mustRun({
    command: "curl",
    args: ["-sS", "--fail", "-o", "/dev/null", "-w", format, url],
    timeoutMs: 120_000,
  });
  const [first = 0, total = 0] = said.trim().split(" ").map(Number);
  return { seconds: total, firstByteMs: first * 1000 };
}
