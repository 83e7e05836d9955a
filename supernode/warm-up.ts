import { createServer } from "node:http";

import { listenOn } from "../platform/http-server.ts";
import { AddressGate } from "../platform/origin/address-gate.ts";
import { OriginClient } from "../platform/origin/origin-client.ts";
import { WARM_UP_HOST, WARM_UP_MS_MAX } from "../platform/origin/warm-up.ts";
import { Signer } from "../platform/signing.ts";
import { formatEndpoint } from "../protocol/endpoint.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { openMemoryStore } from "../store/memory-store.ts";
import { formatPiecePath } from "../store/piece-path.ts";
import { PieceServer } from "../store/piece-server.ts";
import type { StoredTask } from "../store/piece-store.ts";
import { PieceRoute } from "./piece-route.ts";
import type { SeedDeps } from "./seed/seed-request.ts";
import { NOTHING_ELSEWHERE } from "./seed/seed-request.ts";
import { runSeed } from "./seed/seed-run.ts";
import { SmallContents } from "./seed/small-contents.ts";
import { SendRate } from "./send-rate.ts";

const PIECE_COUNT = 3;
const PIECE_LENGTH_BYTES = 512 * 1024;
/** Of no URL: a digest of zeros only. */
const TASK_ID = `url:${"0".repeat(64)}` as TaskId;

type WarmUpDeps = Omit<SeedDeps, "fetch" | "store" | "signer" | "small">;

/**
 * Seeds a content of its own over loopback, as if it came from an origin, and hands its pieces out, so that the first content
 * does not wait for what is loaded and compiled when it is first used, here and in the hashing thread. What it writes
 * goes into a file without a name. Takes some 60 ms, two seconds at most; returns false where it did not work, which
 * does no harm.
 */
export async function warmUpSeed(deps: WarmUpDeps, signal: AbortSignal): Promise<boolean> {
  const { assemblies, clock, random, log } = deps;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(WARM_UP_MS_MAX)]);
  await using store = openMemoryStore();
  const route = new PieceRoute(
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
      rate: new SendRate(clock, 0),
      isAdmitted: () => true,
      onSent: () => undefined,
    },
    { slotsMax: PIECE_COUNT },
  );
  const content = Buffer.alloc(PIECE_COUNT * PIECE_LENGTH_BYTES);
  const server = createServer((request, response) => {
    if (request.url === "/") response.end(content);
    else void route.serve(request, response);
  });
  try {
    const address = formatEndpoint(await listenOn(server, { host: WARM_UP_HOST, port: 0 }));
    await using client = new OriginClient({ gate: new AddressGate([address]), clock, random });
    const { fetch } = client;
    const signer = Signer.ephemeral();
    using _stored = await seedOnce(
      { ...deps, fetch, store, signer, small: new SmallContents() },
      `http://${address}/`,
      limited,
    );
    for (let pieceIndex = 0; pieceIndex < PIECE_COUNT; pieceIndex++) {
      const url = `http://${address}${formatPiecePath({ taskId: TASK_ID, pieceIndex })}`;
      const { body } = await fetch({ method: "GET", url, headers: new Map() }, limited);
      for await (const _chunk of body);
    }
    return true;
  } catch {
    return false;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function seedOnce(deps: SeedDeps, url: string, signal: AbortSignal): Promise<StoredTask> {
  let stored: StoredTask | undefined;
  const sink = {
    shaped: (task: StoredTask) => (stored = task),
    whole: () => undefined,
    pieceReady: () => undefined,
    lengthKnown: () => undefined,
    proven: () => undefined,
    originRequest: () => undefined,
    originBytes: () => undefined,
  };
  const request = {
    taskId: TASK_ID,
    origin: { url, headers: new Map<string, string>() },
    pieceLengthBytes: PIECE_LENGTH_BYTES,
    elsewhere: NOTHING_ELSEWHERE,
    isUnanswered: false,
    onWithoutRanges: () => undefined,
  };
  try {
    await runSeed(deps, request, sink, signal);
    return stored!;
  } catch (error) {
    stored?.[Symbol.dispose]();
    throw error;
  }
}
