import type { Static } from "typebox";
import { Type } from "typebox";

import { socketProperty } from "../dfget/daemon/daemon-config.ts";
import { socketPathOf } from "../dfget/daemon/socket-path.ts";
import { PEER_LISTEN_DEFAULT, nodeConfigProperties, peerOptionsOf } from "../dfget/node-config.ts";
import type { PeerOptions } from "../dfget/peer/peer-options.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import { duration, optionalText, repeated } from "../platform/config-option.ts";
import type { LogLevel } from "../platform/log.ts";
import { endpointOption } from "../platform/option-value.ts";
import type { Environment } from "../platform/origin/origin-proxy.ts";
import { proxyOf as environmentProxy } from "../platform/origin/origin-proxy.ts";
import { EXIT, UserError } from "../platform/user-error.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { VERDICT_MS_DEFAULT } from "./mirror.ts";
import type { ProxyConfig } from "./proxy/proxy-config.ts";
import { readProxyConfig } from "./proxy/proxy-config.ts";
import { UpstreamList } from "./upstream/upstream-list.ts";

const configSchema = Type.Object({
  listen: Type.String({
    default: "127.0.0.1:65001",
    description: "where container runtimes of this machine reach the mirror",
    placeholder: "HOST:PORT",
  }),
  peerListen: Type.String({
    default: PEER_LISTEN_DEFAULT,
    description: "where other nodes fetch pieces",
    placeholder: "HOST:PORT",
  }),
  upstream: repeated({
    description:
      "a registry and how to reach it, http:// for plain HTTP; the first is used where a client names none; docker.io if none is given",
    placeholder: "URL",
  }),
  verdictLife: duration({
    default: VERDICT_MS_DEFAULT,
    minimum: 1000,
    description:
      "how long a registry's yes to a user's credential is believed without asking again; at most 300 s",
  }),
  prefetch: Type.Boolean({
    default: false,
    description:
      "fetch all of a blob of which a client reads a part, as lazy snapshotters do; without it only the parts come",
  }),
  proxyConfig: optionalText({
    description:
      "makes the node an HTTP proxy as well, by the rules in this file; see the manual about proxy mode",
    placeholder: "FILE",
  }),
  socket: socketProperty,
  ...nodeConfigProperties,
});

export type RegistryProxyConfig = Static<typeof configSchema>;

export const registryProxyDefinition: ProgramDefinition<typeof configSchema> = {
  program: "registry-proxy",
  usage: [
    "registry-proxy --supernode URL [options]",
    "registry-proxy configure RUNTIME --help",
    "registry-proxy doctor --help",
    "registry-proxy purge --help",
    "registry-proxy gen-ca --help",
  ],
  summary:
    "Mirrors container registries for this machine, taking images from the other machines of the cluster.",
  schema: configSchema,
  positionalsMax: 0,
};

/** What the program runs with, checked. */
export interface RegistryProxySettings {
  readonly listen: Endpoint;
  readonly upstreams: UpstreamList;
  readonly verdictMs: number;
  readonly prefetches: boolean;
  /** Undefined where the node is no HTTP proxy. */
  readonly proxy: ProxyConfig | undefined;
  readonly peer: PeerOptions;
  /** Where dfget on this machine reaches the node. */
  readonly socketPath: string;
  readonly logLevel: LogLevel;
}

/** Checks a configuration. Throws UserError (usage) with one sentence that names the flag. */
export function settingsOf(
  config: RegistryProxyConfig,
  env: Readonly<Record<string, string | undefined>>,
): RegistryProxySettings {
  const listen = endpointOption("listen", config.listen, {
    portMin: 0,
    example: "127.0.0.1:65001",
  });
  const upstreams = new UpstreamList(config.upstream);
  const peer = peerOptionsOf(config, config.peerListen, "peer-listen", env);
  return {
    listen,
    upstreams,
    verdictMs: config.verdictLife,
    prefetches: config.prefetch,
    proxy:
      config.proxyConfig === undefined ? undefined : proxySettings(config.proxyConfig, listen, env),
    // Whoever names an upstream means it to be asked, wherever it is.
    peer: { ...peer, allowOrigins: [...peer.allowOrigins, ...upstreams.originPatterns] },
    socketPath: socketPathOf(config.socket, peer.dataDir, env),
    logLevel: config.logLevel,
  };
}

/** Reads the proxy's file. A proxy whose own environment names it would ask itself, over and over. */
function proxySettings(path: string, listen: Endpoint, env: Environment): ProxyConfig {
  const origins = ["http://origin.example", "https://origin.example"].map((url) => new URL(url));
  for (const origin of origins) {
    const proxy = environmentProxy(origin, env);
    if (
      proxy &&
      Number(proxy.port || 80) === listen.port &&
      isThisMachine(proxy.hostname, listen)
    ) {
      const message = `the environment names ${proxy.host} as proxy, which is this program itself; unset it for registry-proxy`;
      throw new UserError(EXIT.usage, message);
    }
  }
  return readProxyConfig(path);
}

function isThisMachine(host: string, listen: Endpoint): boolean {
  return (
    host === listen.host || host === "localhost" || host === "[::1]" || host.startsWith("127.")
  );
}
