import type { Static } from "typebox";
import { Type } from "typebox";

import type { ProgramDefinition } from "../../platform/config.ts";
import { byteCount, duration, repeated } from "../../platform/config-option.ts";

const MIB = 1024 * 1024;

/** Every option of the bench. */
export const transferBenchSchema = Type.Object({
  size: byteCount({ default: 256 * MIB, description: "length of the content" }),
  pieceSize: byteCount({ default: 0, description: "length of the pieces; 0 for the usual one" }),
  rounds: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 100,
    description: "how often each row is measured, in turn with the others; the medians count",
  }),
  row: repeated({
    description: "measure this row only, such as nginx>curl; may be given several times",
    placeholder: "NAME",
  }),
  seed: Type.Integer({ default: 1, minimum: 0, description: "what content is drawn from" }),
  streaming: Type.Boolean({
    default: false,
    description:
      "measure also a layer that streams through a node, cold and warm, on loopback and (as root) with the registry behind 1 Gbit/s",
  }),
  save: Type.Boolean({
    default: false,
    description: "keep the result in bench/results, for bench:report",
  }),
  json: Type.Boolean({ default: false, description: "one JSON object on standard output" }),
  timeout: duration({ default: 15 * 60_000, description: "the most that everything may take" }),
});

/** The options as they were given. */
export type TransferBenchConfig = Static<typeof transferBenchSchema>;

export const transferBenchDefinition: ProgramDefinition<typeof transferBenchSchema> = {
  program: "bench-transfer",
  usage: ["npm run bench:transfer -- [options]"],
  summary:
    "Measures the data path on loopback, beside nginx, curl and aria2c: bytes per second, CPU, memory. Needs nginx, curl, aria2c and GNU time.",
  schema: transferBenchSchema,
  positionalsMax: 0,
};
