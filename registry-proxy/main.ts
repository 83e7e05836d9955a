#!/usr/bin/env node
import { once } from "node:events";

import { ControlServer } from "../dfget/daemon/control-server.ts";
import { Peer } from "../dfget/peer/peer.ts";
import { systemCalendar } from "../platform/calendar.ts";
import { systemClock } from "../platform/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { answerRequest } from "../platform/config-text.ts";
import { runProgram } from "../platform/lifecycle.ts";
import { createLog } from "../platform/log.ts";
import { createMetricsRegistry } from "../platform/metrics.ts";
import { AddressGate } from "../platform/origin/address-gate.ts";
import { OriginClient } from "../platform/origin/origin-client.ts";
import { OriginForwarder } from "../platform/origin/origin-forwarder.ts";
import { warmUpOrigins } from "../platform/origin/warm-up.ts";
import { formatEndpoint } from "../protocol/endpoint.ts";
import type { RegistryProxySettings } from "./config.ts";
import { registryProxyDefinition, settingsOf } from "./config.ts";
import { doctorDefinition, runDoctor } from "./doctor/doctor-command.ts";
import { configureDefinition, runConfigure } from "./mirror-config/configure-command.ts";
import { purgeDefinition, runPurge } from "./purge-command.ts";
import { createMirror } from "./mirror.ts";
import { CertificateAuthority } from "./proxy/certificate-authority.ts";
import { genCaDefinition, runGenCa } from "./proxy/gen-ca-command.ts";

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
} else if (command === "purge") {
  await runProgram(purgeDefinition.program, async () => {
    await runPurge(rest, process.env, print);
  });
} else if (command === "gen-ca") {
  await runProgram(genCaDefinition.program, async () => {
    await runGenCa(rest, process.env, print, systemCalendar);
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
  const gate = new AddressGate(settings.peer.allowOrigins);
  const { origins: book } = settings.peer;
  const known = book && { book };
  await using origin = new OriginClient({ gate, clock, random: Math.random }, known);
  await using forwarder = new OriginForwarder(gate, known);
  const config = settings.proxy;
  const authority =
    config?.authority &&
    CertificateAuthority.load(config.authority.certPath, config.authority.keyPath, systemCalendar);
  await using mirror = createMirror(
    {
      swarm: peer,
      fetch: origin.fetch,
      registry,
      clock,
      log: log.child({ component: "mirror" }),
      proxy: config && { config, authority, forwarder, gate },
    },
    {
      upstreams: settings.upstreams,
      origins: book,
      verdictMs: settings.verdictMs,
      prefetches: settings.prefetches,
    },
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
  await warmUpOrigins({ clock, random: Math.random }, signal);
  await peer.warmUp(log, signal);
  const endpoint = await mirror.listen(settings.listen);
  log.info({ what: "peer port", address: formatEndpoint(peer.endpoint) }, "ready");
  log.info({ what: "dfget socket", address: settings.socketPath }, "ready");
  log.info({ what: "registry mirror", address: formatEndpoint(endpoint) }, "ready");
  if (!signal.aborted) await once(signal, "abort");
  log.info("stopping");
  control.drain();
  await mirror.drain(DRAIN_MS);
}
