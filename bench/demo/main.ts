import { Type } from "typebox";

import { endOnHangup } from "../../dfget/cli/hangup-signal.ts";
import { loadConfig } from "../../platform/config.ts";
import type { ProgramDefinition } from "../../platform/config.ts";
import { byteCount, choice } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { DemoFailure, runDemo } from "./demo.ts";
import { skopeoVersion } from "./skopeo-client.ts";

const MB = 1_000_000;

const demoConfigSchema = Type.Object({
  client: choice(["auto", "skopeo", "built-in"], {
    default: "auto",
    description: "what pulls the image; auto takes skopeo where it is installed",
  }),
  nodes: Type.Integer({
    default: 4,
    minimum: 2,
    maximum: 16,
    description: "how many nodes pull at once",
  }),
  rate: byteCount({
    default: 12.5 * MB,
    description: "bytes per second that the registry's line carries",
  }),
});

const definition: ProgramDefinition<typeof demoConfigSchema> = {
  program: "demo",
  usage: ["npm run demo [-- options]"],
  summary:
    "Pulls one image on several nodes at once, directly and through Darter, on this machine alone.",
  schema: demoConfigSchema,
  positionalsMax: 0,
};

await runProgram("demo", async (signal) => {
  const loaded = loadConfig(definition, { argv: process.argv.slice(2), env: process.env });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(definition, loaded));
    return;
  }
  endOnHangup();
  const { config } = loaded;
  const hasSkopeo = config.client !== "built-in" && (await skopeoVersion()) !== undefined;
  if (config.client === "skopeo" && !hasSkopeo) {
    throw new UserError(EXIT.usage, "skopeo is not installed; install it or leave --client out");
  }
  if (config.rate === 0) throw new UserError(EXIT.usage, "--rate must be above 0");
  const client = hasSkopeo ? "skopeo" : "built-in";
  try {
    await runDemo(
      { client, nodeCount: config.nodes, bytesPerSecond: config.rate },
      process.stdout,
      signal,
    );
  } catch (error) {
    if (signal.aborted)
      throw new UserError(EXIT.interrupted, "interrupted; nothing is left behind");
    if (error instanceof DemoFailure) throw new UserError(EXIT.internal, error.message);
    throw error;
  }
});
