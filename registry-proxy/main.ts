#!/usr/bin/env node
import { once } from "node:events";

import { ControlServer } from "../dfget/daemon/control-server.ts";
import { Peer } from "../dfget/peer/peer.ts";
import { systemClock } from "../platform/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { answerRequest } from "../platform/config-text.ts";
import { runProgram } from "../platform/lifecycle.ts";
import { createLog } from "../platform/log.ts";
import { createMetricsRegistry } from "../platform/metrics.ts";
import { AddressGate } from "../platform/origin/address-gate.ts";
import { OriginClient } from "../platform/origin/origin-client.ts";
import { formatEndpoint } from "../protocol/endpoint.ts";
import type { RegistryProxySettings } from "./config.ts";
import { registryProxyDefinition, settingsOf } from "./config.ts";
import { doctorDefinition, runDoctor } from "./doctor/doctor-command.ts";
import { configureDefinition, runConfigure } from "./mirror-config/configure-command.ts";
import { createMirror } from "./mirror.ts";

/** How long running answers may go on after the signal to stop. */
const DRAIN_MS = 10_000;

const [command, ...rest] = process.argv.slice(2);
const print = (text: string): void => void process.stdout.write(text);

if (command === "configure") {
  await runProgram(configureDefinition.program, async () => {
    await runConfigure(rest, process.env, print);
  });
} else if (command === "doctor") {
  await runProgram(doctorDefinition.program, async () => {
    await runDoctor(rest, process.env, print);
  });
} else await runProgram(registryProxyDefinition.program, runMirror);

async function runMirror(signal: AbortSignal): Promise<void> {
  const { env } = process;
  const loaded = loadConfig(registryProxyDefinition, { argv: process.argv.slice(2), env });
  if (loaded.request) {
    process.stdout.write(answerRequest(registryProxyDefinition, loaded));
    return;
  }
  await serve(settingsOf(loaded.config, env), signal);
}

async function serve(settings: RegistryProxySettings, signal: AbortSignal): Promise<void> {
  const log = createLog("registry-proxy", { level: settings.logLevel });
  const registry = createMetricsRegistry();
  const clock = systemClock;
  await using peer = await Peer.start(settings.peer, {
    log: log.child({ component: "peer" }),
    metrics: registry,
  });
  await using origin = new OriginClient({
    gate: new AddressGate(settings.peer.allowOrigins),
    clock,
    random: Math.random,
  });
  await using mirror = createMirror(
    {
      swarm: peer,
      fetch: origin.fetch,
      registry,
      clock,
      log: log.child({ component: "mirror" }),
    },
    { upstreams: settings.upstreams, verdictMs: settings.verdictMs },
  );
  const { supernodeUrls } = settings.peer;
  await using control = await ControlServer.start(
    peer,
    {
      socketPath: settings.socketPath,
      supernodeUrls,
      dataDir: settings.peer.dataDir,
      diskQuotaBytes: settings.peer.diskQuotaBytes,
    },
    { clock, log: log.child({ component: "control" }) },
    signal,
  );
  const endpoint = await mirror.listen(settings.listen);
  log.info({ what: "peer port", address: formatEndpoint(peer.endpoint) }, "ready");
  log.info({ what: "dfget socket", address: settings.socketPath }, "ready");
  log.info({ what: "registry mirror", address: formatEndpoint(endpoint) }, "ready");
  if (!signal.aborted) await once(signal, "abort");
  log.info("stopping");
  control.drain();
  await mirror.drain(DRAIN_MS);
}
