import { resolve } from "node:path";
import type { Static } from "typebox";
import { Type } from "typebox";

import { byteCount, choice, optionalText, repeated } from "../platform/config-option.ts";
import { LOG_LEVELS } from "../platform/log.ts";
import { OriginBook } from "../platform/origin/origin-book.ts";
import { parseOriginPattern } from "../platform/origin/origin-pattern.ts";
import { endpointOption, optionError } from "../platform/option-value.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { dataDirOf, supernodeUrlOf } from "./node-places.ts";
import type { PeerOptions } from "./peer/peer-options.ts";

const GIB = 1024 ** 3;
const ZONE_LENGTH_MAX = 255;

/** Where a node listens for other nodes; each program has its own flag for it. */
export const PEER_LISTEN_DEFAULT = "0.0.0.0:65002";

/** The options that every program with a peer in it has, to be spread into its schema. */
export const nodeConfigProperties = {
  advertise: Type.Optional(
    Type.String({
      description:
        "where other nodes reach this one, host:port; by default the address that the supernode sees",
      placeholder: "HOST:PORT",
    }),
  ),
  supernode: repeated({
    description: "a supernode, such as http://10.0.0.1:8002",
    placeholder: "URL",
  }),
  dataDir: Type.Optional(
    Type.String({
      description:
        "where pieces are kept; by default /var/lib/darter for root, else darter in $XDG_DATA_HOME or ~/.local/share",
      placeholder: "DIR",
    }),
  ),
  zone: Type.String({
    default: "",
    description: 'where this node stands, labels from the widest to the narrowest, "eu|eu-1|rack7"',
    placeholder: "ZONE",
  }),
  diskQuota: byteCount({
    default: 32 * GIB,
    description: "how much disk space the pieces may take; 0 for all but 64 MiB of the disk",
  }),
  uploadLimit: byteCount({
    default: 0,
    description: "how many bytes a second are sent to other nodes; 0 for no limit",
  }),
  downloadLimit: byteCount({
    default: 0,
    description: "how many bytes a second are received, from nodes and origins; 0 for no limit",
  }),
  taskDownloadLimit: byteCount({
    default: 0,
    description: "how many bytes a second are received of each file or layer; 0 for no limit",
  }),
  allowOrigin: repeated({
    description:
      "an origin that may be asked although its address is loopback, link-local or a cloud's metadata service: a host name, an address or a network such as 127.0.0.0/8",
    placeholder: "HOST",
  }),
  origins: optionalText({
    description:
      "what is special about single origins, in this file: authorities, certificates, headers, mirrors, allowed repositories",
    placeholder: "FILE",
  }),
  logLevel: choice(LOG_LEVELS, { default: "info", description: "what is logged" }),
};

/** The part of a program's configuration that {@link nodeConfigProperties} describes. */
export type NodeConfig = Static<ReturnType<typeof Type.Object<typeof nodeConfigProperties>>>;

/**
 * Checks the options that a peer is started with; `peerListen` is the value of the program's own
 * option for it, called `peerListenFlag`. Throws UserError (usage) with one sentence that names the flag.
 */
export function peerOptionsOf(
  config: NodeConfig,
  peerListen: string,
  peerListenFlag: "listen" | "peer-listen",
  env: Readonly<Record<string, string | undefined>> = process.env,
): PeerOptions {
  for (const pattern of config.allowOrigin) parseOriginPattern(pattern);
  const origins = OriginBook.load(config.origins);
  return {
    listen: endpointOf(peerListen, peerListenFlag, 0),
    advertise:
      config.advertise === undefined ? undefined : endpointOf(config.advertise, "advertise", 1),
    supernodeUrls: [...new Set(config.supernode.map(supernodeUrlOf))],
    dataDir: resolve(dataDirOf(config.dataDir, env)),
    zone: zoneOf(config.zone),
    diskQuotaBytes: config.diskQuota,
    allowOrigins: [...config.allowOrigin, ...origins.originPatterns],
    origins,
    limits: {
      uploadBytesPerSecond: config.uploadLimit,
      downloadBytesPerSecond: config.downloadLimit,
      taskDownloadBytesPerSecond: config.taskDownloadLimit,
    },
  };
}

function endpointOf(text: string, flag: string, portMin: 0 | 1): Endpoint {
  return endpointOption(flag, text, { portMin, example: "10.0.0.7:65002" });
}

function zoneOf(text: string): string {
  if (text.length > ZONE_LENGTH_MAX || /[\p{Cc}\s]/u.test(text)) {
    throw optionError("zone", `must have at most ${ZONE_LENGTH_MAX} characters and no space`, text);
  }
  return text;
}
