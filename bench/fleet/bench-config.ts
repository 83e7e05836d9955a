import type { Static } from "typebox";
import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import {
  byteCount,
  choice,
  duration,
  optionalByteCount,
  optionalText,
  repeated,
} from "../../platform/config-option.ts";

/** A rate of a link, in Mbit/s as Ethernet frames. */
function linkRate(description: string) {
  return Type.Number({ default: 80, exclusiveMinimum: 0, placeholder: "MBIT", description });
}

/** Every option of the bench. */
export const fleetBenchSchema = Type.Object({
  profile: repeated({
    description:
      "a situation from the list below, or all; the other options change it where they are given",
    placeholder: "NAME",
  }),
  nodes: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 200,
    description: "hosts that download",
  }),
  mbit: linkRate("the link of each of them, each way, in Mbit/s"),
  seedMbit: linkRate("the supernode's link"),
  originMbit: linkRate("the origin's link"),
  size: optionalByteCount({ description: "length of the file; 128MiB when nothing else is said" }),
  sizes: repeated({
    description: "lengths of several files that are fetched at once, instead of --size",
    placeholder: "SIZE,SIZE",
  }),
  held: repeated({
    description:
      "lengths of files that every node fetched before, and asks for again together with the others",
    placeholder: "SIZE,SIZE",
  }),
  atOnce: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 100,
    description: "files that a host fetches at a time, as container clients do",
  }),
  reads: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 100_000,
    description:
      "ranges that each host reads of the file through registry-proxy, in no order, instead of downloading it; 0 to download",
  }),
  readSize: byteCount({ default: 128 * 1024, description: "length of each of those ranges" }),
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
  simulate: Type.Boolean({
    default: true,
    description: "do not run the same in the simulator beside it",
  }),
  against: repeated({
    description:
      "measure another system in the same place as well: a directory with the programs of Dragonfly 1, Dragonfly 2, Kraken or Spegel; direct is measured anyhow",
    placeholder: "direct|PATH",
  }),
  client: choice(["socket", "dfget"], {
    default: "socket",
    description:
      "who asks the daemons: this process, through their sockets, or a dfget process for each file",
  }),
  json: Type.Boolean({ default: false, description: "one JSON object on standard output" }),
  save: Type.Boolean({
    default: false,
    description: "keep each result in bench/results, for bench:report",
  }),
  saveIn: optionalText({
    placeholder: "DIRECTORY",
    description: "keep each result in this directory instead",
  }),
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
