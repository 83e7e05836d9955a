/*
 * What the small things cost that happen for every piece: frames, bitmaps, signatures. Takes a few seconds and
 * leaves nothing behind. `node bench/micro/main.ts [--json]`
 */
import { arch, availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";

import { VERSION } from "../../platform/version.ts";
import { bitmapWorks } from "./bitmap-works.ts";
import { frameWorks } from "./frame-works.ts";
import { measure } from "./measure.ts";
import { pieceBodyWorks } from "./piece-body-works.ts";
import { signingWorks } from "./signing-works.ts";

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });

using pieceBodies = pieceBodyWorks();
const results = [...frameWorks(), ...bitmapWorks(), ...signingWorks(), ...pieceBodies.works].map(
  measure,
);
const machine = {
  darter: VERSION,
  node: process.version,
  processor: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  architecture: arch(),
};
if (values.json) {
  process.stdout.write(`${JSON.stringify({ machine, results })}\n`);
} else {
  const { darter, node, processor, cores } = machine;
  process.stdout.write(`darter ${darter}, node ${node}, ${cores} × ${processor}\n\n`);
  for (const { name, perSecond, microsecondsEach } of results) {
    const rate = Math.round(perSecond).toLocaleString("en").padStart(12);
    const each = microsecondsEach.toFixed(microsecondsEach < 1 ? 3 : 1).padStart(9);
    process.stdout.write(`${name.padEnd(52)}${rate}/s ${each} µs\n`);
  }
}
