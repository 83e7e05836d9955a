import { createServer } from "node:http";
import { Registry } from "prom-client";

import { systemCalendar } from "../../platform/calendar.ts";
import type { Clock } from "../../platform/clock.ts";
import { sha256 } from "../../platform/digest-check.ts";
import { listenOn } from "../../platform/http-server.ts";
import type { Log } from "../../platform/log.ts";
import { WARM_UP_HOST, WARM_UP_MS_MAX } from "../../platform/origin/warm-up.ts";
import { Signer, TrustedKeys } from "../../platform/signing.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import { parsePiecePath } from "../../store/piece-path.ts";
import { PieceServer } from "../../store/piece-server.ts";
import type { PieceStore, StoredTask } from "../../store/piece-store.ts";
import type { PieceFetcher } from "../transfer/piece-fetcher.ts";
import { ArrivedPieces } from "./arrived-pieces.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import { PieceIntake } from "./piece-intake.ts";
import { readTask } from "./task-reader.ts";
import { TaskSession } from "./task-session.ts";

const PIECE_COUNT = 3;
const PIECE_LENGTH_BYTES = 512 * 1024;
const LENGTH_BYTES = PIECE_COUNT * PIECE_LENGTH_BYTES;
/** Of no URL: a digest of zeros only. */
const TASK_ID = `url:${"0".repeat(64)}` as TaskId;

interface WarmUpDeps {
  /** The node's own, so that its thread is warm too. */
  readonly fetcher: PieceFetcher;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Fetches a content of its own over loopback, as if it came from another node, checks it, stores it and reads it, so that the
 * first reader does not wait for what is loaded and compiled when it is first used, here and in the download thread. What
 * is written goes into files without names. Takes some 50 ms, two seconds at most; returns false where
 * it did not work, which does no harm.
 */
export async function warmUpPeer(deps: WarmUpDeps, signal: AbortSignal): Promise<boolean> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(WARM_UP_MS_MAX)]);
  await using sender = openMemoryStore();
  await using receiver = openMemoryStore();
  const signer = Signer.ephemeral();
  const server = createServer();
  try {
    using sent = await storeContent(sender, signer);
    using stored = await openTask(receiver);
    const pieces = new PieceServer(deps);
    server.on("request", (request, response) => {
      const { pieceIndex } = parsePiecePath(request.url!)!;
      pieces.serve({ task: sent, pieceIndex, request, response }, () => undefined);
    });
    const { host, port } = await listenOn(server, { host: WARM_UP_HOST, port: 0 });
    const session = sessionOf(stored);
    const arrived = new ArrivedPieces();
    const intake = intakeOf(deps, signer, arrived);
    const reading = readAll(session, arrived, limited);
    // The read tells what goes wrong here too: it gets nothing.
    reading.catch(() => undefined);
    const endpoint = { host, port, basePath: "", source: "seed" } as const;
    for (let piece = 0; piece < PIECE_COUNT; piece++) {
      const result = await intake.fetch(session, piece, endpoint, async () => false, limited);
      if (result !== "held") return false;
    }
    return (await reading) === LENGTH_BYTES;
  } catch {
    return false;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function openTask(store: PieceStore): Promise<StoredTask> {
  return await store.open({
    taskId: TASK_ID,
    pieceLengthBytes: PIECE_LENGTH_BYTES,
    lengthBytes: LENGTH_BYTES,
  });
}

async function storeContent(store: PieceStore, signer: Signer): Promise<StoredTask> {
  const task = await openTask(store);
  const lengthBytes = PIECE_LENGTH_BYTES;
  const bytes = Buffer.alloc(lengthBytes);
  const digest = sha256(bytes);
  for (let pieceIndex = 0; pieceIndex < PIECE_COUNT; pieceIndex++) {
    await task.write(pieceIndex * lengthBytes, bytes);
    const identity = { taskId: TASK_ID, pieceIndex, lengthBytes };
    task.commit(pieceIndex, signer.certifyPiece(identity, digest));
  }
  return task;
}

function sessionOf(stored: StoredTask): TaskSession {
  return new TaskSession({
    number: 0,
    taskId: TASK_ID,
    stored,
    origin: undefined,
    identity: undefined,
    mayUseOrigin: false,
    version: { lengthBytes: LENGTH_BYTES, etag: undefined, lastModified: undefined },
  });
}

function intakeOf(
  { fetcher, log }: WarmUpDeps,
  signer: Signer,
  arrived: ArrivedPieces,
): PieceIntake {
  const keys = new TrustedKeys();
  keys.add(signer.publicKey);
  const none = (): number => 0;
  // Of a registry that nobody reads: what is fetched here does not count.
  const metrics = new PeerMetrics(new Registry(), {
    tasks: none,
    neighbours: none,
    storedBytes: none,
    damagedPieces: none,
    isConnected: () => false,
  });
  return new PieceIntake({
    fetcher,
    keys,
    metrics,
    log,
    nodeId: "",
    calendar: systemCalendar,
    renew: () => undefined,
    makeRoom: async () => false,
    arrived,
  });
}

async function readAll(
  session: TaskSession,
  arrived: ArrivedPieces,
  signal: AbortSignal,
): Promise<number> {
  const events = {
    moved: () => undefined,
    checkSound: async () => undefined,
    // Every second piece is read from the file.
    arrived: (piece: number) => (piece % 2 === 0 ? arrived.lend(session, piece) : undefined),
  };
  let readBytes = 0;
  for await (const chunk of readTask(session, { firstByte: 0 }, signal, events)) {
    readBytes += chunk.length;
  }
  return readBytes;
}
