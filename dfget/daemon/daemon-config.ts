import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { duration } from "../../platform/config-option.ts";
import { PEER_LISTEN_DEFAULT, nodeConfigProperties } from "../node-config.ts";

/** The option that every process with a piece store of this node has. */
export const socketProperty = Type.Optional(
  Type.String({
    description:
      "the unix socket for dfget; by default /run/darter/dfget.sock for root, else darter/dfget.sock in $XDG_RUNTIME_DIR, else in the data directory",
    placeholder: "FILE",
  }),
);

/** The options of `dfget daemon`. */
export const daemonConfigSchema = Type.Object({
  listen: Type.String({
    default: PEER_LISTEN_DEFAULT,
    description: "where pieces and neighbours are served",
    placeholder: "HOST:PORT",
  }),
  anyPort: Type.Boolean({
    default: false,
    description: "take any free port where the one of --listen is taken",
  }),
  socket: socketProperty,
  idleExit: duration({
    default: 0,
    description: "end when nothing was downloaded for this long; 0 stays forever",
  }),
  ...nodeConfigProperties,
});

export const daemonDefinition: ProgramDefinition<typeof daemonConfigSchema> = {
  program: "dfget daemon",
  usage: ["dfget daemon [--supernode URL]... [options]"],
  summary: "dfget daemon keeps the pieces of this node, shares them, and downloads for dfget.",
  schema: daemonConfigSchema,
  positionalsMax: 0,
};
