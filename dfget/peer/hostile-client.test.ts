import { readdirSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createMetricsRegistry } from "../../platform/metrics.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import {
  PIECE_LENGTH_BYTES,
  putPieces,
  testTask,
  testTaskId,
} from "../../test/conformance/piece-fixture.ts";
import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { PeerServer } from "./peer-server.ts";

const TRIES = Number(process.env["DARTER_HOSTILE_TRIES"] ?? 1500);
const TASK_ID = testTaskId("hostile");
const piece = (path: string, more = ""): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}\r\n`;

/** Requests that must bring no byte of any piece. */
const REFUSED: readonly string[] = [
  piece(`/pieces/../../etc/passwd`),
  piece(`/pieces/%2e%2e%2f%2e%2e%2fetc%2fpasswd/0`),
  piece(`/pieces/${TASK_ID}/%30`),
  piece(`/pieces/${TASK_ID}/00`),
  piece(`/pieces/${TASK_ID}/-1`),
  piece(`/pieces/${TASK_ID}/1`),
  piece(`/pieces/${TASK_ID}/65536`),
  piece(`/pieces/${TASK_ID}/99999999999999999999999`),
  piece(`/pieces/${TASK_ID.toUpperCase()}/0`),
  piece(`/pieces/${TASK_ID}/0/`),
  piece(`/pieces/${TASK_ID}/0\0`),
  piece(`/pieces/${TASK_ID}/0`, "range: bytes=70000-\r\n"),
  piece(`/pieces/${"a".repeat(20_000)}/0`),
  piece(`/pieces/${TASK_ID}/0`, `x: ${"y".repeat(40_000)}\r\n`),
  piece(`/pieces/${TASK_ID}/0`, "x: y\r\n".repeat(5000)),
  `POST /pieces/${TASK_ID}/0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello`,
  `GET /pieces/${TASK_ID}/0 HTTP/1.1\r\nconnection: close\r\n\r\n`,
  `GET /pieces/${TASK_ID}/0 HTTP/9.9\r\nhost: x\r\nconnection: close\r\n\r\n`,
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "\r\n\r\n\r\n",
  "",
];

it(`sends no piece to ${TRIES} requests that ask in wrong ways, and leaves nothing open`, async () => {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(openMemoryStore());
  const task = stack.use(await store.open({ ...testTask("hostile", 2) }));
  await putPieces(task, 0);
  let uploads = 0;
  const server = new PeerServer({
    metrics: createMetricsRegistry(),
    clock: systemClock,
    upload: async ({ taskId, pieceIndex }) => {
      if (taskId !== TASK_ID || !task.have.has(pieceIndex)) return "NOT_FOUND";
      uploads += 1;
      return { stored: task, ended: () => void (uploads -= 1) };
    },
    neighbour: (socket) => socket.terminate(),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  stack.defer(async () => await server.close(0));

  /** Sends bytes, and returns how many came back until the connection was closed or nothing more came. */
  const ask = async (text: string): Promise<number> => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => undefined);
    let receivedBytes = 0;
    socket.on("data", (chunk) => (receivedBytes += chunk.length));
    socket.write(Buffer.from(text, "latin1"));
    // Whoever says no more than this would be waited for.
    if (!text.includes("connection: close")) socket.end();
    if (!socket.destroyed) await once(socket, "close");
    return receivedBytes;
  };
  const random = seededRandom(11);
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 16) {
      const asked = Array.from(
        { length: 16 },
        () => REFUSED[Math.floor(random() * REFUSED.length)]!,
      );
      const answers = await Promise.all(asked.map(ask));
      for (const receivedBytes of answers) expect(receivedBytes).toBeLessThan(2000);
    }
  };
  // Half of them for the garbage that a process settles at: what comes on top would be a leak.
  await run(TRIES / 2);
  const filesBefore = readdirSync("/proc/self/fd").length;
  const memoryBefore = process.memoryUsage().rss;
  await run(TRIES / 2);
  expect(uploads).toBe(0);
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(filesBefore + 20);
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(60 * 1024 * 1024);
  // And whoever asks as he should is served as ever.
  expect(await ask(piece(`/pieces/${TASK_ID}/0`))).toBeGreaterThan(PIECE_LENGTH_BYTES);
});
