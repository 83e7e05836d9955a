import type { Static } from "typebox";
import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { byteCount, choice, duration, repeated } from "../../platform/config-option.ts";

const MIB = 1024 * 1024;

/** A rate of a link, in Mbit/s as Ethernet frames. */
function linkRate(description: string) {
  return Type.Number({ default: 80, exclusiveMinimum: 0, placeholder: "MBIT", description });
}

/** Every option of the bench. */
export const fleetBenchSchema = Type.Object({
  nodes: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 200,
    description: "hosts that download",
  }),
  mbit: linkRate("the link of each of them, each way, in Mbit/s"),
  seedMbit: linkRate("the supernode's link"),
  originMbit: linkRate("the origin's link"),
  size: byteCount({ default: 128 * MIB, description: "length of the file" }),
  sizes: repeated({
    description: "lengths of several files that are fetched at once, instead of --size",
    placeholder: "SIZE,SIZE",
  }),
  zones: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 50,
    description:
      "zones that the hosts are dealt out to; origin and supernode stand outside of all of them",
  }),
  zoneMbit: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      placeholder: "MBIT",
      description: "the uplink of each zone, each way; by default as fast as all its hosts",
    }),
  ),
  queue: duration({
    default: 10,
    description: "how long a packet may wait at an end of a link before it is dropped",
  }),
  stagger: duration({
    default: 0,
    description: "the hosts begin at moments spread over this time",
  }),
  kill: repeated({
    description:
      "kill -9 when so much of all bytes has arrived at the nodes: node:3@50% or supernode@30%",
    placeholder: "SPEC",
  }),
  pieceSize: byteCount({ default: 0, description: "length of the pieces; 0 for the usual one" }),
  warmUp: byteCount({
    default: 1024 * 1024,
    description:
      "length of another file that every node fetches before, because a node in use is not a program that has just been started; 0 for none",
  }),
  seed: Type.Integer({
    default: 1,
    minimum: 0,
    description: "what content and arrivals are drawn from",
  }),
  runs: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 100,
    description: "how often it is measured, each time cold; the median counts",
  }),
  direct: Type.Boolean({
    default: true,
    description: "do not measure how long the hosts take without Darter",
  }),
  client: choice(["socket", "dfget"], {
    default: "socket",
    description:
      "who asks the daemons: this process, through their sockets, or a dfget process for each file",
  }),
  json: Type.Boolean({ default: false, description: "one JSON object on standard output" }),
  timeout: duration({ default: 15 * 60_000, description: "the most that everything may take" }),
});

/** The options as they were given. */
export type FleetBenchConfig = Static<typeof fleetBenchSchema>;

export const fleetBenchDefinition: ProgramDefinition<typeof fleetBenchSchema> = {
  program: "bench-fleet",
  usage: ["npm run bench:fleet -- [options]"],
  summary:
    "Measures how fast a file reaches many hosts: real processes on hosts in network namespaces, whose links are shaped. Needs root, iproute2, nginx and curl.",
  schema: fleetBenchSchema,
  positionalsMax: 0,
};
