import type { Static } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { duration, optionTable, repeated, wholeNumber } from "../../platform/config-option.ts";
import { commonOptions } from "../frame/bench-program.ts";

/** The parts of the bench, in the order in which they run. */
export const PARTS = ["loopback", "hosts", "far", "single"] as const;
export type Part = (typeof PARTS)[number];

/** Every option of the bench. */
export const filesBenchSchema = optionTable({
  part: repeated({
    placeholder: "NAME",
    description: `measure this part only: ${PARTS.join(", ")}; may be given several times`,
  }),
  files: wholeNumber({
    default: 2000,
    minimum: 1,
    maximum: 100_000,
    placeholder: "N",
    description: "files of the tree",
  }),
  nodes: wholeNumber({
    default: 4,
    minimum: 1,
    maximum: 64,
    placeholder: "N",
    description: "nodes that fetch the tree at the same time",
  }),
  atOnce: wholeNumber({
    default: 16,
    minimum: 1,
    maximum: 256,
    placeholder: "N",
    description: "files that one dfget -r fetches at once",
  }),
  roundTrip: duration({
    default: 1,
    minimum: 1,
    description: "part far: how long the origin's answers are under way",
  }),
  linkRate: wholeNumber({
    default: 1000,
    minimum: 1,
    maximum: 100_000,
    placeholder: "N",
    description: "parts hosts and far: rate of each link, each way, in Mbit/s",
  }),
  rounds: wholeNumber({
    default: 3,
    minimum: 1,
    maximum: 100,
    placeholder: "N",
    description: "how often everything is measured, in turn; the medians count",
  }),
  runs: wholeNumber({
    default: 15,
    minimum: 1,
    maximum: 1000,
    placeholder: "N",
    description: "part single: runs of each command",
  }),
  seed: wholeNumber({
    default: 1,
    minimum: 0,
    placeholder: "N",
    description: "what content is drawn from",
  }),
  ...commonOptions(15 * 60_000),
});

/** The options as they were given. */
export type FilesBenchConfig = Static<typeof filesBenchSchema>;

export const filesBenchDefinition: ProgramDefinition<typeof filesBenchSchema> = {
  program: "bench-files",
  usage: ["npm run bench:files -- [options]"],
  summary:
    "Measures files with dfget: a tree of small ones on several nodes at once, beside wget on one, by a fleet that has just been started and once more, and single ones, beside curl. Runs the built programs. Needs nginx, wget, curl and GNU time; parts hosts and far also root and iproute2.",
  schema: filesBenchSchema,
  positionalsMax: 0,
};
