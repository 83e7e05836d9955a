import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { answerRequest } from "../../platform/config-text.ts";
import type { Log } from "../../platform/log.ts";
import { createLog } from "../../platform/log.ts";
import { createMetricsRegistry } from "../../platform/metrics.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { peerOptionsOf } from "../node-config.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { PeerOptions } from "../peer/peer-options.ts";
import { Peer } from "../peer/peer.ts";
import type { ControlServerOptions } from "./control-server.ts";
import { ControlServer } from "./control-server.ts";
import { inUse, isAnswering } from "./control-socket.ts";
import { refuseSecond } from "./data-owner.ts";
import { daemonDefinition } from "./daemon-config.ts";
import { socketPathOf } from "./socket-path.ts";

/** Runs `dfget daemon` until the signal is aborted, or it was idle for as long as it may be. */
export async function runDaemon(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  const loaded = loadConfig(daemonDefinition, { argv, env });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(daemonDefinition, loaded));
    return;
  }
  const { config } = loaded;
  const options = peerOptionsOf(config, config.listen, "listen", env);
  const socketPath = socketPathOf(config.socket, options.dataDir, env);
  const log = createLog("dfget", { level: config.logLevel });
  // Asked before the peer starts, because "the port is taken" would be the less helpful answer.
  await refuseSecond(socketPath, options.dataDir, signal);
  if (await isAnswering(socketPath)) throw inUse(socketPath);

  await using stack = new AsyncDisposableStack();
  const peer = await startPeer(options, config.anyPort, log);
  const controlOptions = {
    socketPath,
    supernodeUrls: options.supernodeUrls,
    dataDir: options.dataDir,
    diskQuotaBytes: options.diskQuotaBytes,
  };
  const control = await startControl(peer, controlOptions, log, signal);
  // The socket goes last: whoever finds none may start another daemon on the same pieces.
  stack.use(control);
  stack.use(peer);
  stack.defer(() => control.drain());
  log.info({ what: "peer port", address: formatEndpoint(peer.endpoint) }, "ready");
  log.info({ what: "dfget daemon", address: socketPath }, "ready");
  await ended(control, config.idleExit, signal);
  log.info("shutting down");
}

async function startPeer(options: PeerOptions, anyPort: boolean, log: Log): Promise<Peer> {
  // A registry takes the metrics of one peer only.
  const start = async (attempt: PeerOptions): Promise<Peer> =>
    await Peer.start(attempt, { log, metrics: createMetricsRegistry() });
  try {
    return await start(options);
  } catch (error) {
    const isTaken = error instanceof UserError && error.exitCode === EXIT.addressInUse;
    if (!anyPort || !isTaken) throw error;
    return await start({ ...options, listen: { ...options.listen, port: 0 } });
  }
}

async function startControl(
  peer: Peer,
  options: ControlServerOptions,
  log: Log,
  signal: AbortSignal,
): Promise<ControlServer> {
  try {
    return await ControlServer.start(peer, options, { clock: systemClock, log }, signal);
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
}

/** Resolves when the daemon is to end, whether it was told to or has nothing to do. */
async function ended(
  control: ControlServer,
  idleExitMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (idleExitMs > 0) {
    await control.activity.idleFor(idleExitMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return;
  }
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
