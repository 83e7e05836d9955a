#!/usr/bin/env node
import { once } from "node:events";

import { systemClock } from "../platform/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { answerRequest } from "../platform/config-text.ts";
import { runProgram } from "../platform/lifecycle.ts";
import { createLog } from "../platform/log.ts";
import { formatEndpoint } from "../protocol/endpoint.ts";
import { supernodeProgram } from "./config.ts";
import { startSupernode } from "./supernode.ts";

await runProgram("supernode", async (signal) => {
  const loaded = loadConfig(supernodeProgram, { argv: process.argv.slice(2), env: process.env });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(supernodeProgram, loaded));
    return;
  }
  const { config } = loaded;
  const log = createLog("supernode", { level: config.logLevel });
  const parts = { clock: systemClock, random: () => Math.random() };
  await using supernode = await startSupernode(config, { log, ...parts });
  await supernode.warmUp(signal);
  log.info({ what: "supernode", address: formatEndpoint(supernode.endpoint) }, "ready");
  if (!signal.aborted) await once(signal, "abort");
  log.info("stopping");
});
