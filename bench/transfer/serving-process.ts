import { open } from "node:fs/promises";

import { PeerServer } from "../../dfget/peer/peer-server.ts";
import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { createMetricsRegistry } from "../../platform/metrics.ts";
import { Signer } from "../../platform/signing.ts";
import { pieceSpan } from "../../protocol/piece-table.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { BenchContent } from "./bench-content.ts";

/** What this process is asked: to take a content into a store and serve it as a node does. */
export interface ServeRequest {
  readonly dataDir: string;
  readonly content: BenchContent;
}

export interface ServeAnswer {
  readonly port: number;
  /** In hexadecimal. */
  readonly publicKey: string;
}

const ended = new Promise<void>((resolve) => void process.once("disconnect", resolve));
process.once("message", (request: ServeRequest) => void serve(request));

async function serve({ dataDir, content }: ServeRequest): Promise<void> {
  await using store = await openDiskStore({
    dataDir,
    quotaBytes: 0,
    clock: systemClock,
    log: silentLog,
  });
  const taskId = parseTaskId(content.digest)!;
  using task = await store.open({ taskId, ...content });
  const signer = Signer.ephemeral();
  await fill(task, content, signer);
  const server = new PeerServer({
    metrics: createMetricsRegistry(),
    clock: systemClock,
    upload: async (asked) =>
      asked.taskId === taskId && task.have.has(asked.pieceIndex)
        ? { stored: task, ended: () => {} }
        : "NOT_FOUND",
    neighbour: (socket) => socket.terminate(),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const publicKey = Buffer.from(signer.publicKey).toString("hex");
  if (process.connected) process.send!({ port, publicKey } satisfies ServeAnswer);
  await ended;
  await server.close(0);
}

async function fill(task: StoredTask, content: BenchContent, signer: Signer): Promise<void> {
  const { lengthBytes, pieceLengthBytes, pieceSha256s } = content;
  const { taskId } = task.record;
  await using file = await open(content.path);
  const buffer = Buffer.alloc(pieceLengthBytes);
  for (const [pieceIndex, sha256] of pieceSha256s.entries()) {
    const span = pieceSpan(pieceIndex, lengthBytes, pieceLengthBytes);
    const bytes = buffer.subarray(0, span.lengthBytes);
    await file.read(bytes, 0, span.lengthBytes, span.offsetBytes);
    await task.write(span.offsetBytes, bytes);
    const identity = { taskId, pieceIndex, lengthBytes: span.lengthBytes };
    task.commit(pieceIndex, signer.certifyPiece(identity, Buffer.from(sha256, "hex")));
  }
  task.setProven();
}
