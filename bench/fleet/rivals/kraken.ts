import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

import type { Host } from "../../../test/harness/network.ts";
import type { Rival, RivalStage } from "./rival.ts";
import { RivalProcesses } from "./rival-processes.ts";

const TRACKER_PORT = 15_003;
const ORIGIN_PORT = 15_002;
const ORIGIN_PEER_PORT = 15_001;
const AGENT_PEER_PORT = 16_001;
const AGENT_PORT = 16_002;
const AGENT_REGISTRY_PORT = 16_000;
const PULL_MS_MAX = 10 * 60_000;
const NO_TLS = { server: { disabled: true }, client: { disabled: true } };
/** Where its components write the configuration of the nginx that each of them starts. */
const NGINX_PLACE = "/tmp/nginx";

/**
 * Kraken: an origin that reads the registry, a tracker, and an agent on every host, which curl asks for blobs. Pieces of
 * 4 MB and rarest first, as it is shipped; the agents' limit of rates is off. Tags are not used, so there is no
 * build-index.
 */
export const kraken: Rival = {
  name: "Kraken",
  programs: ["kraken-origin", "kraken-tracker", "kraken-agent"],
  versionBy: { program: "kraken-agent", args: ["--version"] },
  async start(directory, stage, signal) {
    await using resources = new AsyncDisposableStack();
    const madePlace = await mkdir(NGINX_PLACE, { recursive: true });
    if (madePlace !== undefined) {
      resources.defer(async () => await rm(madePlace, { recursive: true, force: true }));
    }
    const processes = resources.use(new RivalProcesses(stage.directory, signal));
    const start = async (part: Component): Promise<void> => {
      await startComponent(directory, stage, processes, part);
    };
    await start(originOf(stage));
    await start(trackerOf(stage));
    await Promise.all(
      stage.nodes.map(async (host, index) => await start(agentOf(stage, host, index))),
    );
    const curl = (digest: string, output: string) => [
      "-sS",
      "--fail",
      "-o",
      output,
      `http://127.0.0.1:${AGENT_PORT}/namespace/bench%2Fcontent/blobs/${digest}`,
    ];
    processes.record("on each host", ["curl", ...curl("DIGEST", "FILE")]);
    const disposal = resources.move();
    return {
      configuration: processes.configuration,
      async pull({ hostIndex, file, outputPath }, pullSignal) {
        const host = stage.nodes[hostIndex];
        if (host === undefined) throw new Error(`there is no host ${hostIndex}`);
        const name = `curl on host ${hostIndex}`;
        const args = curl(file.digest, outputPath);
        await processes.run({ name, host, command: "curl", args }, pullSignal, PULL_MS_MAX);
      },
      [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
    };
  },
};

/** One of its programs on one host. */
interface Component {
  readonly name: string;
  readonly program: string;
  readonly host: Host;
  readonly config: object;
  readonly args: readonly string[];
  readonly port: number;
  /** Whether its configuration is shown in the result. */
  readonly isShown: boolean;
}

function originOf(stage: RivalStage): Component {
  const place = `${stage.directory}/origin`;
  return {
    name: "origin",
    program: "kraken-origin",
    host: stage.server,
    isShown: true,
    port: ORIGIN_PORT,
    args: [
      "-blobserver_hostname",
      stage.server.address,
      "-blobserver_port",
      String(ORIGIN_PORT),
      "-peer_ip",
      stage.server.address,
      "-peer_port",
      String(ORIGIN_PEER_PORT),
    ],
    config: {
      metainfogen: { piece_lengths: { 0: "4MB" } },
      peer_id_factory: "addr_hash",
      localdb: { source: `${place}/origin.db` },
      castore: { upload_dir: `${place}/upload/`, cache_dir: `${place}/cache/` },
      blobserver: { listener: { net: "unix", addr: `${place}/origin.sock` } },
      backends: [
        {
          namespace: ".*",
          backend: { registry_blob: { address: stage.originAuthority, security: { basic: {} } } },
        },
      ],
      cluster: { hosts: { static: [`${stage.server.address}:${ORIGIN_PORT}`] } },
      nginx: nginxOf("kraken-origin", place),
      tls: NO_TLS,
    },
  };
}

function trackerOf(stage: RivalStage): Component {
  const place = `${stage.directory}/tracker`;
  return {
    name: "tracker",
    program: "kraken-tracker",
    host: stage.server,
    isShown: true,
    port: TRACKER_PORT,
    args: ["-port", String(TRACKER_PORT)],
    config: {
      peerhandoutpolicy: { priority: "completeness" },
      trackerserver: {
        listener: { net: "unix", addr: `${place}/tracker.sock` },
        announce_interval: "3s",
      },
      origin: { hosts: { static: [`${stage.server.address}:${ORIGIN_PORT}`] } },
      nginx: nginxOf("kraken-tracker", place),
      tls: NO_TLS,
    },
  };
}

function agentOf(stage: RivalStage, host: Host, index: number): Component {
  const place = `${stage.directory}/agent-${index}`;
  const tracker = { hosts: { static: [`${stage.server.address}:${TRACKER_PORT}`] } };
  return {
    name: `agent-${index}`,
    program: "kraken-agent",
    host,
    isShown: index === 0,
    port: AGENT_PORT,
    args: [
      "-peer-ip",
      host.address,
      "-peer-port",
      String(AGENT_PEER_PORT),
      "-agent-server-port",
      String(AGENT_PORT),
      "-agent-registry-port",
      String(AGENT_REGISTRY_PORT),
    ],
    config: {
      peer_id_factory: "addr_hash",
      scheduler: {
        dispatch: { piece_request_policy: "rarest_first" },
        conn: { bandwidth: { enable: false } },
      },
      store: { download_dir: `${place}/download/`, cache_dir: `${place}/cache/` },
      registry: {
        docker: { version: "0.1", http: { net: "unix", addr: `${place}/registry.sock` } },
      },
      tracker,
      // It must be named, and is asked for tags only.
      build_index: tracker,
      allowed_cidrs: ["127.0.0.1"],
      nginx: nginxOf("kraken-agent", place),
      tls: NO_TLS,
    },
  };
}

function nginxOf(name: string, place: string): object {
  return { name, cache_dir: `${place}/nginx/`, log_dir: `${place}/` };
}

async function startComponent(
  directory: string,
  stage: RivalStage,
  processes: RivalProcesses,
  { name, program, host, config, args, port, isShown }: Component,
): Promise<void> {
  const shownAs = name === "agent-0" ? "agent, each host" : name;
  const path = await processes.write(
    `${name}/config.yaml`,
    stringify(config),
    isShown ? `${shownAs}.yaml` : undefined,
  );
  const command = [join(directory, program), "-config", path, ...args];
  if (isShown) processes.record(shownAs, [program, ...command.slice(1)]);
  // Each gets its own view of the one place where all of them write.
  const own = `${stage.directory}/${name}/nginx-place`;
  await mkdir(own, { recursive: true });
  const script = 'mount --bind "$1" "$2"; shift 2; exec "$@"';
  await processes.start(
    {
      name: `${program} of ${name}`,
      host,
      command: "unshare",
      args: ["--mount", "sh", "-ec", script, "sh", own, NGINX_PLACE, ...command],
    },
    port,
  );
}
