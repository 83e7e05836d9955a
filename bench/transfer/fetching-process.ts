import { monitorEventLoopDelay } from "node:perf_hooks";
import { rm } from "node:fs/promises";

import { PeerMetrics } from "../../dfget/peer/peer-metrics.ts";
import { ArrivedPieces } from "../../dfget/peer/arrived-pieces.ts";
import { PieceIntake } from "../../dfget/peer/piece-intake.ts";
import { TaskSession } from "../../dfget/peer/task-session.ts";
import { PieceFetcher } from "../../dfget/transfer/piece-fetcher.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemCalendar } from "../../platform/calendar.ts";
import { silentLog } from "../../platform/log.ts";
import { createMetricsRegistry } from "../../platform/metrics.ts";
import { Signer, TrustedKeys } from "../../platform/signing.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { BenchContent } from "./bench-content.ts";

/** What this process is asked: to fetch a content into a new store, as a node does. */
export interface FetchRequest {
  /** Made for this, and removed afterwards. */
  readonly dataDir: string;
  readonly content: BenchContent;
  readonly port: number;
  /** Path of the file at a server that knows no pieces; they are asked for as ranges then. */
  readonly filePath: string | undefined;
  /** Of the server with pieces, in hexadecimal. */
  readonly publicKey: string | undefined;
  /** Pieces fetched at the same time. */
  readonly pieces: number;
}

export interface FetchAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly loopDelayMsP99: number;
  readonly error: string | undefined;
}

const never = new AbortController().signal;
const fetcher = new PieceFetcher({ log: silentLog });
const metrics = new PeerMetrics(createMetricsRegistry(), {
  tasks: () => 0,
  neighbours: () => 0,
  storedBytes: () => 0,
  damagedPieces: () => 0,
  isConnected: () => false,
});

process.on("message", (request: FetchRequest) => void answer(request));
process.once("disconnect", () => void fetcher[Symbol.asyncDispose]());

async function answer(request: FetchRequest): Promise<void> {
  const fetched = await fetchAll(request).catch((error: unknown): FetchAnswer => {
    return { seconds: 0, cpuSeconds: 0, loopDelayMsP99: 0, error: String(error) };
  });
  await rm(request.dataDir, { recursive: true, force: true });
  if (process.connected) process.send!(fetched);
}

async function fetchAll(request: FetchRequest): Promise<FetchAnswer> {
  const { dataDir, content } = request;
  const taskId = parseTaskId(content.digest)!;
  await using store = await openDiskStore({
    dataDir,
    quotaBytes: 0,
    clock: systemClock,
    log: silentLog,
  });
  using stored = await store.open({ taskId, ...content });
  const session = sessionOf(stored, request);
  const take = request.filePath === undefined ? byPieces(request) : byRanges(request);
  const cpu = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: request.pieces }, async () => {
      while (next < content.pieceSha256s.length) await take(session, next++);
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  if (!stored.isComplete) throw new Error("not every piece came");
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    loopDelayMsP99: delay.percentile(99) / 1e6,
    error: undefined,
  };
}

function sessionOf(stored: TaskSession["stored"], { content }: FetchRequest): TaskSession {
  return new TaskSession({
    number: 1,
    taskId: stored.record.taskId,
    stored,
    origin: undefined,
    identity: undefined,
    mayUseOrigin: false,
    version: { lengthBytes: content.lengthBytes, etag: undefined, lastModified: undefined },
  });
}

type Take = (session: TaskSession, piece: number) => Promise<void>;

/** From a server of ours, with certificates. */
function byPieces({ port, publicKey }: FetchRequest): Take {
  const keys = new TrustedKeys();
  keys.add(Buffer.from(publicKey!, "hex"));
  const nodeId = "0".repeat(32);
  const intake = new PieceIntake({
    fetcher,
    keys,
    metrics,
    log: silentLog,
    nodeId,
    calendar: systemCalendar,
    renew: () => undefined,
    makeRoom: async () => false,
    arrived: new ArrivedPieces(),
  });
  const endpoint = { host: "127.0.0.1", port, basePath: "", source: "peers" as const };
  return async (session, piece) => {
    const result = await intake.fetch(session, piece, endpoint, async () => false, never);
    if (result !== "held") throw new Error(`piece ${piece}: ${result}`);
  };
}

/** From any server with ranges; the digests of the pieces are known here. */
function byRanges({ port, filePath, content }: FetchRequest): Take {
  const signer = Signer.ephemeral();
  return async (session, piece) => {
    const span = session.span(piece);
    const lastByte = span.offsetBytes + span.lengthBytes - 1;
    session.stored.reserve(span.lengthBytes);
    const { sha256 } = await fetcher.fetch(
      {
        host: "127.0.0.1",
        port,
        path: filePath!,
        headers: { range: `bytes=${span.offsetBytes}-${lastByte}` },
        fd: session.stored.fd,
        ...span,
      },
      never,
    );
    if (Buffer.from(sha256).toString("hex") !== content.pieceSha256s[piece]) {
      throw new Error(`piece ${piece} is not what was sent`);
    }
    const identity = {
      taskId: session.taskId,
      pieceIndex: piece,
      lengthBytes: span.lengthBytes,
    };
    session.commit(piece, signer.certifyPiece(identity, sha256), "peers");
  };
}
