import { parentPort, workerData } from "node:worker_threads";
import { DownloadEngine } from "./download-engine.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import type { DownloadWorkerData, WorkerOrder, WorkerReply } from "./fetch-message.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";

// The thread that receives, hashes and writes pieces. One message in starts or aborts a fetch, one
// message out ends it.

const port = parentPort!;

const { limits, bucket } = workerData as DownloadWorkerData;

const engine = new DownloadEngine(limits, new TokenBucket(bucket), (id, result) => {
  if (result instanceof PieceFetchError) {
    const { reason, message, retryAfterMs } = result;
    port.postMessage({ kind: "failed", id, reason, message, retryAfterMs } satisfies WorkerReply);
    return;
  }
  const transfer = result.bytes === undefined ? [] : [result.bytes.buffer];
  port.postMessage({ kind: "fetched", id, piece: result } satisfies WorkerReply, transfer);
});

port.on("message", (order: WorkerOrder) => {
  if (order.kind === "fetch") engine.fetch(order.id, order.order);
  else engine.abort(order.id);
});
