import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import * as fc from "fast-check";
import { expect, it } from "vitest";

import { testBytes } from "../../test/conformance/piece-fixture.ts";
import { responseHead } from "../../test/conformance/scripted-server.ts";
import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { fd, fetcher, never, request, serve } from "./piece-fetch-fixture.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";
import { ResponseError, ResponseReader } from "./response-reader.ts";

/** How often a server misbehaves; 10,000 when somebody wants to be sure. */
const TRIES = Number(process.env["DARTER_HOSTILE_TRIES"] ?? 1500);
const LENGTH_BYTES = 100_000;
const BODY = testBytes(3, LENGTH_BYTES);
const HEAD = responseHead("200 OK", LENGTH_BYTES, "");

/** What servers do that no piece server does. */
const TRICKS: readonly ((socket: Socket) => void)[] = [
  // Truncated.
  (socket) => void socket.end(Buffer.concat([Buffer.from(HEAD), BODY.subarray(0, 5000)])),
  // Longer than it said.
  (socket) => void socket.write(Buffer.concat([Buffer.from(HEAD), BODY, BODY])),
  // Another length than was asked for.
  (socket) => void socket.write(responseHead("200 OK", LENGTH_BYTES + 1, "")),
  (socket) => void socket.write(responseHead("200 OK", 999_999_999_999_999, "")),
  (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
  // A range that nobody asked for.
  (socket) =>
    void socket.write(
      responseHead("206 Partial Content", LENGTH_BYTES, "content-range: bytes 1-2/3\r\n"),
    ),
  // A head without an end.
  (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${"x-a: b\r\n".repeat(4000)}`),
  (socket) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}`),
  // Closed at once, and in the middle of the head.
  (socket) => void socket.end(),
  (socket) => void socket.resetAndDestroy(),
  (socket) => void socket.end("HTTP/1.1 200"),
  // Junk behind the answer, and in its place.
  (socket) =>
    void socket.write(Buffer.concat([Buffer.from(HEAD), BODY, Buffer.from(HEAD.repeat(3))])),
  (socket) => void socket.write(Buffer.alloc(30_000, 7)),
  (socket) =>
    void socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
  (socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
];

function openFileCount(): number {
  return readdirSync("/proc/self/fd").length;
}

it(`takes nothing from a server that misbehaves ${TRIES} times, and leaves nothing open`, async () => {
  const random = seededRandom(10);
  const server = await serve((socket) => TRICKS[Math.floor(random() * TRICKS.length)]!(socket));
  const pieces = fetcher({ firstByteTimeoutMs: 30_000, stallTimeoutMs: 30_000 });
  const order = { lengthBytes: LENGTH_BYTES, fd };
  const tryOnce = async (): Promise<void> => {
    const outcome = await pieces
      .fetch(request(server.port, order), never)
      .catch((error: unknown) => error);
    if (outcome instanceof PieceFetchError) {
      expect(["protocol", "broken"]).toContain(outcome.reason);
    } else {
      // Whole and right, with junk behind it: the piece is good, the connection is not.
      expect(outcome).toHaveProperty("sha256");
    }
  };
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 16)
      await Promise.all(Array.from({ length: 16 }, tryOnce));
  };
  // The memory that this takes is garbage, most of it of the server here: half as much again must not come on top.
  await run(TRIES / 2);
  const filesBefore = openFileCount();
  const memoryBefore = process.memoryUsage().rss;
  await run(TRIES / 2);
  expect(pieces.fetchCount).toBe(0);
  expect(openFileCount()).toBeLessThanOrEqual(filesBefore + 40);
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(90 * 1024 * 1024);
});

it("gives up a server that sends a byte now and then", async () => {
  const server = await serve((socket) => {
    socket.write(HEAD);
    const timer = setInterval(() => void socket.write("x"), 20);
    socket.once("close", () => clearInterval(timer));
  });
  const pieces = fetcher({
    connectTimeoutMs: 100,
    firstByteTimeoutMs: 100,
    stallTimeoutMs: 100,
    rateMinBytesPerSecond: 1e6,
  });
  const order = request(server.port, { lengthBytes: LENGTH_BYTES });
  await expect(pieces.fetch(order, never)).rejects.toMatchObject({ reason: "timeout" });
});

it("never hangs, and never hands out more than was said, whatever bytes come", () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(
        fc.constantFrom(
          "HTTP/1.1 200 OK",
          "\r\n",
          "content-length: 5",
          ": ",
          "\n",
          "hello",
          "transfer-encoding: chunked",
          "\0",
          "content-length: 99999999999999999999",
        ),
        { maxLength: 20 },
      )
      .map((parts) => new Uint8Array(Buffer.from(parts.join(""), "latin1"))),
  );
  fc.assert(
    fc.property(fc.array(junk, { maxLength: 8 }), (chunks) => {
      const reader = new ResponseReader();
      let owedBytes = 0;
      try {
        for (const chunk of chunks) {
          reader.push(chunk, {
            head: (head) => void (owedBytes = head.contentLengthBytes),
            body: (bytes) => void (owedBytes -= bytes.length),
            end: () => expect(owedBytes).toBe(0),
          });
          expect(owedBytes).toBeGreaterThanOrEqual(0);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ResponseError);
      }
    }),
    { numRuns: 3000 },
  );
});
