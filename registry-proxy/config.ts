import type { Static } from "typebox";
import { Type } from "typebox";

import { socketProperty } from "../dfget/daemon/daemon-config.ts";
import { socketPathOf } from "../dfget/daemon/socket-path.ts";
import { PEER_LISTEN_DEFAULT, nodeConfigProperties, peerOptionsOf } from "../dfget/node-config.ts";
import type { PeerOptions } from "../dfget/peer/peer-options.ts";
import type { ProgramDefinition } from "../platform/config.ts";
import { duration, repeated } from "../platform/config-option.ts";
import type { LogLevel } from "../platform/log.ts";
import { endpointOption } from "../platform/option-value.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { VERDICT_MS_DEFAULT } from "./mirror.ts";
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
    // Whoever names an upstream means it to be asked, wherever it is.
    peer: { ...peer, allowOrigins: [...peer.allowOrigins, ...upstreams.originPatterns] },
    socketPath: socketPathOf(config.socket, peer.dataDir, env),
    logLevel: config.logLevel,
  };
}
