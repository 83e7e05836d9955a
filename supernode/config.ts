import type { Static } from "typebox";
import { Type } from "typebox";

import type { ProgramDefinition } from "../platform/config.ts";
import { byteCount, choice, duration, optionalText, repeated } from "../platform/config-option.ts";
import { LOG_LEVELS } from "../platform/log.ts";

/** Every option of the supernode; flags, environment, file and documentation come from it. */
export const SupernodeConfig = Type.Object({
  listen: Type.String({
    default: "0.0.0.0:8002",
    placeholder: "HOST:PORT",
    description: "where nodes and users reach the supernode",
  }),
  advertise: Type.Optional(
    Type.String({
      placeholder: "HOST:PORT",
      description: "where nodes fetch pieces, when it is not the address by which they connect",
    }),
  ),
  dataDir: Type.String({
    minLength: 1,
    default: "/var/lib/darter/supernode",
    placeholder: "DIR",
    description: "where pieces, records and the signing key are kept",
  }),
  diskQuota: byteCount({
    default: 0,
    description: "the most bytes of pieces kept; 0 for as much as the disk has room for",
  }),
  uploadRate: byteCount({
    default: 0,
    description: "the most bytes sent to nodes in a second, all together; 0 for no limit",
  }),
  uploadSlots: Type.Integer({
    default: 256,
    minimum: 1,
    maximum: 65_536,
    placeholder: "N",
    description: "the most pieces sent to nodes at the same time",
  }),
  seedSlots: Type.Integer({
    default: 256,
    minimum: 1,
    maximum: 4096,
    placeholder: "N",
    description: "the most tasks read from origins at the same time",
  }),
  allowOrigin: repeated({
    placeholder: "PATTERN",
    description:
      "an origin that may be asked although its address is loopback, link-local or otherwise special: HOST, HOST:PORT, *.DOMAIN, ADDRESS or RANGE",
  }),
  origins: optionalText({
    description:
      "what is special about single origins, in this file: authorities, certificates, headers, mirrors, allowed repositories",
    placeholder: "FILE",
  }),
  heartbeat: duration({
    default: 5000,
    minimum: 1000,
    description: "how often a node is asked whether it is there; 1 s at least",
  }),
  logLevel: choice(LOG_LEVELS, { default: "info", description: "what is logged" }),
});
export type SupernodeConfig = Static<typeof SupernodeConfig>;

/** The program as its command line is read and explained. */
export const supernodeProgram: ProgramDefinition<typeof SupernodeConfig> = {
  program: "supernode",
  usage: ["supernode [options]"],
  summary: "Reads content from origins once and hands its pieces to nodes, which exchange them.",
  schema: SupernodeConfig,
  positionalsMax: 0,
};
