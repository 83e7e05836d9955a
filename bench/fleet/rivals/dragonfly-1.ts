import { join } from "node:path";
import { stringify } from "yaml";

import { runCommand } from "../../../test/harness/run-command.ts";
import { Nginx } from "../../../test/harness/nginx.ts";
import type { Rival } from "./rival.ts";
import { RivalProcesses } from "./rival-processes.ts";

const API_PORT = 8002;
const PIECE_PORT = 8001;
const PULL_MS_MAX = 10 * 60_000;

/**
 * Dragonfly 1: a supernode, whose pieces an nginx hands out, and dfget on every host. The limits of rates are raised out of
 * the way, and dfget may not go to the origin by itself, so that what is measured is its way of sharing.
 */
export const dragonfly1: Rival = {
  name: "Dragonfly 1",
  programs: ["supernode", "dfget"],
  versionBy: { program: "dfget", args: ["version"] },
  async start(directory, stage, signal) {
    await using resources = new AsyncDisposableStack();
    const { server } = stage;
    const processes = resources.use(new RivalProcesses(stage.directory, signal));
    const home = `${stage.directory}/supernode`;
    const config = await processes.write(
      "supernode.yml",
      stringify({
        base: {
          listenPort: API_PORT,
          downloadPort: PIECE_PORT,
          homeDir: home,
          advertiseIP: server.address,
        },
      }),
      "supernode.yml",
    );
    await processes.write("supernode/repo/.keep", "");
    resources.use(await Nginx.start({ directory: `${home}/repo`, host: server, port: PIECE_PORT }));
    const args = ["--config", config, "--home-dir", home, "--advertise-ip", server.address];
    processes.record("on the server", ["supernode", ...args, "; nginx on port 8001"]);
    const command = join(directory, "supernode");
    await processes.start({ name: "supernode", host: server, command, args }, API_PORT);
    const hasHome = await knowsHome(join(directory, "dfget"));
    const dfgetArgs = (url: string, output: string, home: string, address: string) => [
      "--url",
      url,
      "--output",
      output,
      "--node",
      `${server.address}:${API_PORT}`,
      "--ip",
      address,
      "--locallimit",
      "1000M",
      "--totallimit",
      "1000M",
      "--notbs",
      ...(hasHome ? ["--home", home] : []),
    ];
    processes.record("on each host", ["dfget", ...dfgetArgs("URL", "FILE", "HOME", "ADDRESS")]);
    const disposal = resources.move();
    return {
      configuration: processes.configuration,
      async pull({ hostIndex, file, outputPath }, pullSignal) {
        const host = stage.nodes[hostIndex];
        if (host === undefined) throw new Error(`there is no host ${hostIndex}`);
        const url = `http://${stage.originAuthority}/${file.name}`;
        const hostHome = `${stage.directory}/home-${hostIndex}`;
        await processes.run(
          {
            name: `dfget on host ${hostIndex}`,
            host,
            command: join(directory, "dfget"),
            args: dfgetArgs(url, outputPath, hostHome, host.address),
            env: { HOME: hostHome },
          },
          pullSignal,
          PULL_MS_MAX,
        );
      },
      [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
    };
  },
};

/** Whether this dfget can be told where it keeps its files; older ones go by the environment. */
async function knowsHome(command: string): Promise<boolean> {
  const { stdout, stderr } = await runCommand({ command, args: ["--help"] });
  return `${stdout}${stderr}`.includes("--home");
}
