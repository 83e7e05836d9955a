import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import { PieceServer } from "../../store/piece-server.ts";
import { testBytes, testCertificate, testTaskId } from "../../test/conformance/piece-fixture.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { PieceFetcher } from "./piece-fetcher.ts";

/** How long a rate is measured; longer when somebody wants to know it exactly. */
const SECONDS = Number(process.env["DARTER_RATE_TEST_SECONDS"] ?? 1.5);
const TRIES_MAX = 5;
const CONNECTIONS = 4;
const never = new AbortController().signal;

interface Buckets {
  readonly upload?: TokenBucket;
  readonly download?: TokenBucket;
  readonly task?: TokenBucket;
}

/** The rate at which pieces go from a piece server to a piece fetcher. */
async function measure(rate: number, buckets: Buckets): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const pieceLengthBytes = Math.min(
    2 ** 20,
    Math.max(2 ** 16, 2 ** Math.floor(Math.log2(rate / 50))),
  );
  const bytes = testBytes(0, pieceLengthBytes);
  const store = stack.use(openMemoryStore());
  const taskId = testTaskId("rate");
  const task = stack.use(await store.open({ taskId, pieceLengthBytes, lengthBytes: bytes.length }));
  await task.write(0, bytes);
  task.commit(0, testCertificate(bytes));
  const { upload, download } = buckets;
  const pieces = new PieceServer({ clock: systemClock }, upload ? { bucket: upload } : {});
  const http = createServer((request, response) => {
    pieces.serve({ task, pieceIndex: 0, request, response }, () => undefined);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  stack.defer(() => {
    http.closeAllConnections();
    http.close();
  });
  const fetcher = stack.use(
    new PieceFetcher({ log: silentLog, ...(download ? { bucket: download } : {}) }),
  );
  const directory = stack.use(await TemporaryDirectory.create("rate"));
  const fd = openSync(directory.join("file"), "w+");
  stack.defer(() => closeSync(fd));
  const { port } = http.address() as AddressInfo;
  let receivedBytes = 0;
  const startMs = performance.now();
  const endMs = startMs + SECONDS * 1000;
  const receive = async (_: unknown, connection: number): Promise<void> => {
    const offsetBytes = connection * pieceLengthBytes;
    const place = { fd, offsetBytes, lengthBytes: pieceLengthBytes };
    const request = { host: "127.0.0.1", port, path: "/0", headers: {}, ...place };
    while (performance.now() < endMs) {
      await fetcher.fetch({ ...request, taskBucket: buckets.task?.memory }, never);
      receivedBytes += pieceLengthBytes;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, receive));
  return (receivedBytes / (performance.now() - startMs)) * 1000;
}

function limited(rate: number): TokenBucket {
  const bucket = new TokenBucket();
  bucket.bytesPerSecond = rate;
  return bucket;
}

describe.each([1, 20, 200])("a rate of %d MB/s", (megabytes) => {
  const rate = megabytes * 1e6;
  // A moment's credit, and what is in the air at the end, weigh more in a short time.
  const tolerance = 0.05 + 0.15 / SECONDS;
  const rateMin = rate * (SECONDS >= 10 ? 0.95 : 0.6);

  it.each(["upload", "download", "task"] as const)(
    "is kept to by the limit of %s",
    async (kind) => {
      let measured = 0;
      // A machine that is busy with other things may be slower, though hardly each time.
      for (let tries = 0; tries < TRIES_MAX && measured < rateMin; tries++) {
        measured = await measure(rate, { [kind]: limited(rate) });
        expect(measured).toBeLessThan(rate * (1 + tolerance));
      }
      expect(measured).toBeGreaterThan(rateMin);
      if (SECONDS >= 10) console.info(`${megabytes} MB/s ${kind}: ${(measured / 1e6).toFixed(3)}`);
    },
    60_000,
  );
});

it("changes at once, also for pieces that are under way", async () => {
  let measured = 0;
  for (let tries = 0; tries < TRIES_MAX && measured < 5e6; tries++) {
    const bucket = limited(50_000);
    const measuring = measure(1e6, { download: bucket });
    bucket.bytesPerSecond = 0;
    measured = await measuring;
  }
  expect(measured).toBeGreaterThan(5e6);
});
