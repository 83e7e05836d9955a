import { join } from "node:path";
import { stringify } from "yaml";

import type { Host } from "../../../test/harness/network.ts";
import type { Rival, RivalStage } from "./rival.ts";
import { RivalProcesses } from "./rival-processes.ts";

const SCHEDULER_PORT = 8002;
const UPLOAD_PORT = 4000;
const PULL_MS_MAX = 10 * 60_000;

/**
 * Dragonfly 2 without a manager, which it can do since 2026: a scheduler and a seed peer on one host, a dfdaemon on every
 * other one, and dfget beside it. Nobody but the seed may go to the origin.
 */
export const dragonfly2: Rival = {
  name: "Dragonfly 2",
  programs: ["scheduler", "dfdaemon", "dfget"],
  versionBy: { program: "dfget", args: ["--version"] },
  async start(directory, stage, signal) {
    await using resources = new AsyncDisposableStack();
    const processes = resources.use(new RivalProcesses(stage.directory, signal));
    await startScheduler(directory, stage, processes);
    const daemons = [stage.server, ...stage.nodes].map((host, index) => ({
      host,
      name: index === 0 ? "seed" : `node-${index - 1}`,
    }));
    await Promise.all(
      daemons.map(async ({ host, name }) => {
        await startDaemon(directory, stage, processes, host, name);
      }),
    );
    processes.record("dfget on each host", ["dfget", ...dfgetArgs("URL", "FILE", "SOCKET")]);
    const disposal = resources.move();
    return {
      configuration: processes.configuration,
      async pull({ hostIndex, file, outputPath }, pullSignal) {
        const host = stage.nodes[hostIndex];
        if (host === undefined) throw new Error(`there is no host ${hostIndex}`);
        const url = `http://${stage.originAuthority}/${file.name}`;
        await processes.run(
          {
            name: `dfget on host ${hostIndex}`,
            host,
            command: join(directory, "dfget"),
            args: dfgetArgs(url, outputPath, socketOf(stage, `node-${hostIndex}`)),
          },
          pullSignal,
          PULL_MS_MAX,
        );
      },
      [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
    };
  },
};

async function startScheduler(
  directory: string,
  { server, directory: place }: RivalStage,
  processes: RivalProcesses,
): Promise<void> {
  const config = await processes.write(
    "scheduler.yaml",
    stringify({
      server: {
        advertiseIP: server.address,
        port: SCHEDULER_PORT,
        logDir: `${place}/scheduler/logs`,
        dataDir: `${place}/scheduler/data`,
        pluginDir: `${place}/scheduler/plugins`,
      },
      job: { enable: false },
      metrics: { enable: false },
    }),
    "scheduler.yaml",
  );
  await processes.write(
    "dynconfig.yaml",
    stringify({
      seedPeerClusterConfig: { loadLimit: 2000 },
      schedulerClusterConfig: { candidateParentLimit: 3, filterParentLimit: 15 },
      schedulerClusterClientConfig: { loadLimit: 200 },
    }),
    "dynconfig.yaml of the scheduler",
  );
  const args = ["--config", config];
  processes.record("on the server", ["scheduler", ...args]);
  const command = join(directory, "scheduler");
  await processes.start({ name: "scheduler", host: server, command, args }, SCHEDULER_PORT);
}

async function startDaemon(
  directory: string,
  stage: RivalStage,
  processes: RivalProcesses,
  host: Host,
  name: string,
): Promise<void> {
  const place = `${stage.directory}/${name}`;
  const isSeed = name === "seed";
  const recordedAs = isSeed ? "seed" : name === "node-0" ? "each host" : undefined;
  await processes.write(
    `${name}/dynconfig.yaml`,
    stringify({ scheduler: { addrs: [`${stage.server.address}:${SCHEDULER_PORT}`] } }),
    recordedAs && `dynconfig.yaml, ${recordedAs}`,
  );
  const config = await processes.write(
    `${name}/dfdaemon.yaml`,
    stringify({
      host: { ip: host.address, hostname: name },
      server: { pluginDir: `${place}/plugins`, cacheDir: `${place}/cache` },
      download: { server: { socketPath: socketOf(stage, name) }, concurrentPieceCount: 10 },
      upload: { server: { port: UPLOAD_PORT } },
      scheduler: { enableBackToSource: isSeed },
      ...(isSeed ? { seedPeer: { enable: true, type: "super" } } : {}),
      storage: { dir: `${place}/storage` },
    }),
    recordedAs && `dfdaemon.yaml, ${recordedAs}`,
  );
  const args = ["--config", config, "--log-dir", `${place}/logs`];
  if (recordedAs !== undefined) processes.record(`dfdaemon, ${recordedAs}`, ["dfdaemon", ...args]);
  const command = join(directory, "dfdaemon");
  await processes.start({ name: `dfdaemon of ${name}`, host, command, args }, UPLOAD_PORT);
}

function socketOf(stage: RivalStage, name: string): string {
  return `${stage.directory}/${name}/dfdaemon.sock`;
}

function dfgetArgs(url: string, output: string, socket: string): readonly string[] {
  return [url, "-O", output, "--endpoint", socket, "--disable-back-to-source"];
}
