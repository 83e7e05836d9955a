import { join } from "node:path";

import type { Clock, Random } from "../platform/clock.ts";
import { listenOn } from "../platform/http-server.ts";
import type { Log } from "../platform/log.ts";
import { createMetricsRegistry } from "../platform/metrics.ts";
import { AddressGate } from "../platform/origin/address-gate.ts";
import { OriginBook } from "../platform/origin/origin-book.ts";
import type { OriginClientOptions } from "../platform/origin/origin-client.ts";
import { OriginClient } from "../platform/origin/origin-client.ts";
import { Signer } from "../platform/signing.ts";
import { EXIT, UserError } from "../platform/user-error.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { formatEndpoint, parseEndpoint } from "../protocol/endpoint.ts";
import { openDiskStore } from "../store/disk-store.ts";
import { PieceServer } from "../store/piece-server.ts";
import type { SupernodeConfig } from "./config.ts";
import { createSupernodeMetrics } from "./metrics.ts";
import { NodeGateway } from "./node-gateway.ts";
import { PieceRoute } from "./piece-route.ts";
import { AssemblyThread } from "./seed/assembly-thread.ts";
import { SmallContents } from "./seed/small-contents.ts";
import { SeedRecords } from "./seed/seed-records.ts";
import { SendRate } from "./send-rate.ts";
import { createServer } from "./server.ts";
import { Coordinator } from "./coordinator.ts";
import type { TaskTimes } from "./tasks/live-task-deps.ts";
import { warmUpSeed } from "./warm-up.ts";

/** How long pieces that are being sent may take at the end. */
const DRAIN_MS = 5000;

export interface SupernodeDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

/** What users need not set. */
export interface SupernodeTuning {
  readonly times?: Partial<TaskTimes>;
  readonly origin?: OriginClientOptions;
  readonly helloMs?: number;
}

/** A running supernode. Disposing it says good-bye to the nodes, lets running transfers end and closes the store. */
export interface Supernode extends AsyncDisposable {
  /** Where it listens. */
  readonly endpoint: Endpoint;
  /** See {@link warmUpSeed}. */
  warmUp(signal: AbortSignal): Promise<boolean>;
}

/** Opens the data directory and listens. Throws UserError for what the user can mend. */
export async function startSupernode(
  config: SupernodeConfig,
  deps: SupernodeDeps,
  tuning: SupernodeTuning = {},
): Promise<Supernode> {
  const listen = endpointOf("listen", config.listen);
  const seedUrl = config.advertise && advertisedUrl(config.advertise);
  const book = OriginBook.load(config.origins);
  const gate = new AddressGate([...config.allowOrigin, ...book.originPatterns]);
  await using stack = new AsyncDisposableStack();
  const { dataDir, diskQuota: quotaBytes, uploadRate } = config;
  const { log, clock, random } = deps;

  const store = stack.use(await openDiskStore({ dataDir, quotaBytes, clock, log }));
  const records = stack.use(await SeedRecords.open(join(dataDir, "seed"), { log }));
  const assemblies = stack.use(new AssemblyThread({ log }));
  const signer = await Signer.load(join(dataDir, "supernode-key.pem"));
  const { fetch } = stack.use(
    new OriginClient({ gate, clock, random }, { book, ...tuning.origin }),
  );
  const registry = createMetricsRegistry();
  const metrics = createSupernodeMetrics(registry, {
    nodes: () => coordinator.nodeCount,
    tasks: () => coordinator.taskCount,
    storedBytes: () => store.usedBytes,
  });
  const coordinator = new Coordinator(
    { fetch, store, records, assemblies, small: new SmallContents(), signer, clock, random, log },
    metrics,
    {
      seedUrl,
      heartbeatMs: config.heartbeat,
      seedSlots: config.seedSlots,
      uploadBytesPerSecond: uploadRate,
      times: { abandonMs: 10_000, reconnectMs: 1500, ...tuning.times },
    },
  );
  stack.use(coordinator);
  const pieces = new PieceRoute(
    {
      store,
      server: new PieceServer(
        { clock },
        {
          copyRecent: (...place) => assemblies.copyRecent(...place),
          lendRecent: (...place) => assemblies.lendRecent(...place),
        },
      ),
      log,
      rate: new SendRate(clock, uploadRate),
      isAdmitted: (...shown) => coordinator.isAdmitted(...shown),
      onSent: (sent) => coordinator.onPieceSent(sent),
    },
    { slotsMax: config.uploadSlots },
  );
  let notReady: string | undefined;
  const app = await createServer(
    {
      supernodeId: coordinator.supernodeId,
      registry,
      pieces,
      tasks: () => coordinator.tasks(),
      task: (taskId) => coordinator.task(taskId),
      peers: () => coordinator.peers(),
      notReady: () => notReady,
    },
    log,
  );
  await app.ready();
  stack.defer(async () => await app.close());
  stack.defer(async () => await pieces.drain(DRAIN_MS));
  const gateway = new NodeGateway(app.server, coordinator, log, {
    heartbeatMs: config.heartbeat,
    helloMs: tuning.helloMs ?? 5000,
  });
  stack.use(gateway);
  const endpoint = await listenOn(app.server, listen);
  stack.defer(() => {
    notReady = "it is about to stop";
    // Running requests go on; nobody can connect any more.
    app.server.close();
  });
  const running = stack.move();
  const warmUp = async (signal: AbortSignal): Promise<boolean> =>
    await warmUpSeed({ records, assemblies, clock, random, log }, signal);
  return { endpoint, warmUp, [Symbol.asyncDispose]: async () => await running.disposeAsync() };
}

function advertisedUrl(text: string): string {
  const endpoint = endpointOf("advertise", text);
  if (endpoint.port > 0) return `http://${formatEndpoint(endpoint)}`;
  throw new UserError(
    EXIT.usage,
    `--advertise ${text} must name a port above 0; see supernode --help`,
  );
}

function endpointOf(option: string, text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint) return endpoint;
  throw new UserError(
    EXIT.usage,
    `--${option} ${text} is not HOST:PORT, such as 0.0.0.0:8002; see supernode --help`,
  );
}
