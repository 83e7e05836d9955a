import { startFleet } from "../../test/harness/fleet.ts";
import type { BenchStage, Measurement } from "./bench-rows.ts";
import { runClient } from "./client-run.ts";
import { watchProcesses } from "./process-use.ts";

/**
 * One node alone, cold: curl reads a layer through a registry proxy, which has it from a supernode, which reads it from
 * nginx in the place of a registry.
 */
export async function measureProxy(stage: BenchStage, signal: AbortSignal): Promise<Measurement> {
  const { nginx, content } = stage;
  const authority = `127.0.0.1:${nginx.port}`;
  await using fleet = await startFleet({
    nodeProgram: "registry-proxy",
    nodeCount: 1,
    upstreams: [`http://${authority}`],
    allowOrigins: [authority],
    signal,
  });
  const node = fleet.node(0);
  const uses = {
    nginx: await watchProcesses([nginx.pid]),
    supernode: await watchProcesses([fleet.supernode.pid]),
    proxy: await watchProcesses([node.process.pid]),
  };
  const url = `${node.mirrorUrl}/v2/bench/content/blobs/${content.digest}`;
  const run = await runClient("curl", ["-sSf", "-o", "/dev/null", url], signal);
  const [registry, supernode, proxy] = [
    await uses.nginx(),
    await uses.supernode(),
    await uses.proxy(),
  ];
  return {
    seconds: run.seconds,
    serverCpuSeconds: registry.cpuSeconds + supernode.cpuSeconds + proxy.cpuSeconds,
    clientCpuSeconds: run.cpuSeconds,
    peakRssBytes: proxy.peakRssBytes,
    processes: {
      nginx: registry.cpuSeconds,
      supernode: supernode.cpuSeconds,
      proxy: proxy.cpuSeconds,
    },
  };
}
