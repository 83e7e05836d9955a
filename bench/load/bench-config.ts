import type { Static } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import {
  duration,
  optionTable,
  repeated,
  toggle,
  wholeNumber,
} from "../../platform/config-option.ts";
import { commonOptions } from "../frame/bench-program.ts";

/** The parts of the bench, in the order in which they run. */
export const PARTS = ["idle", "joins", "ramp", "active", "api", "proxy"] as const;
export type Part = (typeof PARTS)[number];

/** Every option of the bench. */
export const loadBenchSchema = optionTable({
  part: repeated({
    placeholder: "NAME",
    description: `measure this part only: ${PARTS.join(", ")}`,
  }),
  nodes: repeated({
    placeholder: "N,N",
    default: ["100,1000,10000"],
    description: "how many nodes are connected while nothing happens; the last number joins tasks",
  }),
  joinRate: wholeNumber({
    default: 2000,
    minimum: 1,
    maximum: 1_000_000,
    placeholder: "N",
    description: "joins of one task in a second",
  }),
  joinRounds: wholeNumber({
    default: 3,
    minimum: 1,
    maximum: 100,
    placeholder: "N",
    description: "crowds that join at that rate, one after the other; the median counts",
  }),
  rampFrom: wholeNumber({
    default: 1000,
    minimum: 1,
    maximum: 1_000_000,
    placeholder: "N",
    description: "joins in a second that the ramp begins with; each step has half as many more",
  }),
  peers: wholeNumber({
    default: 1000,
    minimum: 1,
    maximum: 60_000,
    placeholder: "N",
    description: "nodes that download all the time",
  }),
  tasks: wholeNumber({
    default: 10,
    minimum: 1,
    maximum: 1000,
    placeholder: "N",
    description: "tasks that they are dealt out to",
  }),
  pieces: wholeNumber({
    default: 256,
    minimum: 5,
    maximum: 4096,
    placeholder: "N",
    description: "pieces of each task",
  }),
  fill: duration({
    default: 10_000,
    minimum: 1000,
    description: "how long a node takes to get all pieces of its task",
  }),
  zones: wholeNumber({
    default: 1,
    minimum: 1,
    maximum: 1000,
    placeholder: "N",
    description: "zones that the nodes are dealt out to",
  }),
  window: duration({
    default: 20_000,
    minimum: 1000,
    description: "how long idle and active nodes are watched",
  }),
  connections: wholeNumber({
    default: 32,
    minimum: 1,
    maximum: 1000,
    placeholder: "N",
    description: "connections that send HTTP requests",
  }),
  routeTime: duration({
    default: 5000,
    minimum: 1000,
    description: "how long each HTTP route is asked",
  }),
  seed: wholeNumber({ default: 1, description: "what content and nodes are drawn from" }),
  quick: toggle({
    default: false,
    description:
      "a small run of a quarter of a minute, to see that everything works: only --part and --seed count beside it, and its figures mean little",
  }),
  ...commonOptions(15 * 60_000),
});

/** The options as they were given. */
export type LoadBenchConfig = Static<typeof loadBenchSchema>;

export const loadBenchDefinition: ProgramDefinition<typeof loadBenchSchema> = {
  program: "bench-load",
  usage: ["npm run bench:load -- [options]"],
  summary:
    "Measures what one supernode and one registry-proxy hold: idle nodes, joins, downloads, requests. Real processes on loopback; the nodes are simulated. Needs Linux.",
  schema: loadBenchSchema,
  positionalsMax: 0,
};
