import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../platform/clock.ts";
import { testBytes, testCertificate, testTaskId } from "../test/conformance/piece-fixture.ts";
import { seededBytes } from "../test/harness/seeded-bytes.ts";
import { openMemoryStore } from "./memory-store.ts";
import type { PieceServed, PieceServerOptions } from "./piece-server.ts";
import { PieceServer } from "./piece-server.ts";
import type { PieceStore, StoredTask } from "./piece-store.ts";

const PIECE_LENGTH_BYTES = 16 * 1024 * 1024;
const LAST_LENGTH_BYTES = 1_300_001;

let store: PieceStore;
let task: StoredTask;
let stack: AsyncDisposableStack;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  store = stack.use(openMemoryStore());
  task = stack.use(
    await store.open({
      taskId: testTaskId("a"),
      pieceLengthBytes: PIECE_LENGTH_BYTES,
      lengthBytes: 2 * PIECE_LENGTH_BYTES + LAST_LENGTH_BYTES,
    }),
  );
  for (const [pieceIndex, length] of [
    [0, PIECE_LENGTH_BYTES],
    [2, LAST_LENGTH_BYTES],
  ] as const) {
    await task.write(pieceIndex * PIECE_LENGTH_BYTES, testBytes(pieceIndex, length));
    task.commit(pieceIndex, testCertificate(testBytes(pieceIndex, length)));
  }
});

afterEach(async () => {
  await stack.disposeAsync();
});

/** Serves piece N of the task at path /N; `served` resolves with the outcome of the next request. */
async function start(options: PieceServerOptions = {}) {
  const pieces = new PieceServer({ clock: systemClock }, options);
  const outcomes: PieceServed[] = [];
  const asked: string[] = [];
  const http = createServer((request, response) => {
    asked.push(request.url!);
    const pieceIndex = Number(request.url!.slice(1));
    pieces.serve({ task, pieceIndex, request, response }, (served) => outcomes.push(served));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  stack.defer(() => {
    http.closeAllConnections();
    http.close();
  });
  return { pieces, outcomes, asked, port: (http.address() as AddressInfo).port };
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  socket: Socket;
}

async function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; agent?: Agent } = {},
): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, path, ...options }).end();
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  const { socket } = response;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return { status: response.statusCode!, headers: response.headers, body, socket };
}

describe("PieceServer", () => {
  it("sends a held piece with its exact length and its certificate", async () => {
    const { outcomes, port, pieces } = await start();
    const { status, headers, body } = await ask(port, "/2");
    expect(status).toBe(200);
    expect(headers["content-length"]).toBe(String(LAST_LENGTH_BYTES));
    const certificate = testCertificate(testBytes(2, LAST_LENGTH_BYTES));
    expect(Buffer.from(headers["darter-piece"] as string, "base64url")).toEqual(
      Buffer.from(certificate),
    );
    expect(body.equals(testBytes(2, LAST_LENGTH_BYTES))).toBe(true);
    await expect.poll(() => outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({
      status: 200,
      sentBytes: LAST_LENGTH_BYTES,
      isComplete: true,
    });
    expect(outcomes[0]!.durationMs).toBeGreaterThan(0);
    expect(pieces.takenBufferCount).toBe(0);
  });

  it.each([
    ["with one buffer", { buffersMax: 1 }, 0],
    ["reading ahead", {}, 0],
    ["with a part of it from memory", {}, 1_500_000],
  ])("sends a long piece in order %s", async (_how, options, recentBytes) => {
    const content = seededBytes("in order", PIECE_LENGTH_BYTES);
    await task.write(PIECE_LENGTH_BYTES, content);
    task.commit(1, testCertificate(content));
    const { outcomes, port, pieces } = await start({
      ...options,
      copyRecent: (_taskId, offsetBytes, target) => {
        const from = offsetBytes - PIECE_LENGTH_BYTES;
        if (from + target.length > recentBytes) return false;
        target.set(content.subarray(from, from + target.length));
        return true;
      },
    });
    const { body } = await ask(port, "/1");
    expect(body.equals(content)).toBe(true);
    await expect
      .poll(() => outcomes)
      .toMatchObject([{ sentBytes: content.length, isComplete: true }]);
    expect(pieces.takenBufferCount).toBe(0);
  });

  it("sends what is lent to it without reading, and gives it back, also when the client leaves", async () => {
    const content = seededBytes("lent", PIECE_LENGTH_BYTES);
    await task.write(PIECE_LENGTH_BYTES, content);
    task.commit(1, testCertificate(content));
    const shared = Buffer.from(new SharedArrayBuffer(PIECE_LENGTH_BYTES));
    content.copy(shared);
    let lentCount = 0;
    let lends = 0;
    const { outcomes, port, pieces } = await start({
      lendRecent: (_taskId, offsetBytes, lengthBytesMax) => {
        const from = offsetBytes - PIECE_LENGTH_BYTES;
        // The end has to come from the file.
        if (from >= 12_000_000) return undefined;
        lentCount += 1;
        lends += 1;
        const bytes = shared.subarray(from, Math.min(from + lengthBytesMax, 12_000_000));
        return { bytes, [Symbol.dispose]: () => void (lentCount -= 1) };
      },
    });
    expect((await ask(port, "/1")).body.equals(content)).toBe(true);
    await expect
      .poll(() => outcomes)
      .toMatchObject([{ sentBytes: content.length, isComplete: true }]);
    expect({ lentCount, lends }).toEqual({ lentCount: 0, lends: 12 });
    const client = connect(port, "127.0.0.1", () => {
      client.write("GET /1 HTTP/1.1\r\nhost: here\r\n\r\n");
    });
    client.once("data", () => client.destroy());
    await expect.poll(() => outcomes).toHaveLength(2);
    expect(outcomes[1]).toMatchObject({ isComplete: false });
    expect({ lentCount, taken: pieces.takenBufferCount }).toEqual({ lentCount: 0, taken: 0 });
  });

  it("ends at once for a client that left while the piece was looked for", async () => {
    const pieces = new PieceServer({ clock: systemClock });
    const served = Promise.withResolvers<PieceServed>();
    const http = createServer((request, response) => {
      response.once("close", () => {
        setImmediate(() => {
          pieces.serve({ task, pieceIndex: 2, request, response }, served.resolve);
        });
      });
    });
    http.listen(0, "127.0.0.1");
    stack.defer(() => void http.close());
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    const client = connect(port, "127.0.0.1", () => {
      client.end("GET /2 HTTP/1.1\r\nhost: here\r\n\r\n", () => client.destroy());
    });
    expect(await served.promise).toMatchObject({ sentBytes: 0, isComplete: false });
    expect(pieces.takenBufferCount).toBe(0);
  });

  it("sends a range inside a piece and says which", async () => {
    const { outcomes, port } = await start();
    const { status, headers, body } = await ask(port, "/2", {
      headers: { range: "bytes=600000-1200000" },
    });
    expect(status).toBe(206);
    expect(headers["content-range"]).toBe(`bytes 600000-1200000/${LAST_LENGTH_BYTES}`);
    expect(body.equals(testBytes(2, LAST_LENGTH_BYTES).subarray(600_000, 1_200_001))).toBe(true);
    const tail = await ask(port, "/2", { headers: { range: "bytes=-3" } });
    expect(tail.body.equals(testBytes(2, LAST_LENGTH_BYTES).subarray(-3))).toBe(true);
    await expect.poll(() => outcomes.map((served) => served.sentBytes)).toEqual([600_001, 3]);
  });

  it("answers 416, 404 and 405 without a body on a connection that goes on", async () => {
    const { outcomes, port } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    stack.defer(() => agent.destroy());
    const range = `bytes=${LAST_LENGTH_BYTES}-`;
    const unsatisfiable = await ask(port, "/2", { agent, headers: { range } });
    expect(unsatisfiable.status).toBe(416);
    expect(unsatisfiable.headers["content-range"]).toBe(`bytes */${LAST_LENGTH_BYTES}`);
    expect((await ask(port, "/1", { agent })).status).toBe(404);
    expect((await ask(port, "/9", { agent })).status).toBe(404);
    const post = await ask(port, "/2", { agent, method: "DELETE" });
    expect(post.status).toBe(405);
    expect(post.headers.allow).toBe("GET, HEAD");
    expect((await ask(port, "/2", { agent })).status).toBe(200);
    expect(outcomes.slice(0, 4).map((served) => served.sentBytes)).toEqual([0, 0, 0, 0]);
  });

  it("answers HEAD as GET without the bytes", async () => {
    const { outcomes, port } = await start();
    const { status, headers, body } = await ask(port, "/2", { method: "HEAD" });
    expect(status).toBe(200);
    expect(headers["content-length"]).toBe(String(LAST_LENGTH_BYTES));
    expect(headers["darter-piece"]).toBeDefined();
    expect(body).toHaveLength(0);
    await expect.poll(() => outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({ sentBytes: 0, isComplete: true });
  });

  it("serves more clients than it has buffers", async () => {
    const { pieces, port } = await start({ buffersMax: 1 });
    const answers = await Promise.all([0, 2, 0, 2].map((index) => ask(port, `/${index}`)));
    const lengths = answers.map(({ body }) => body.length);
    expect(lengths).toEqual(
      [0, 2, 0, 2].map((i) => (i === 0 ? PIECE_LENGTH_BYTES : LAST_LENGTH_BYTES)),
    );
    await expect.poll(() => pieces.takenBufferCount).toBe(0);
  });

  it("frees everything at once when the client goes away in the middle", async () => {
    const { pieces, outcomes, asked, port } = await start({ buffersMax: 1 });
    const socket = connect(port, "127.0.0.1");
    socket.write("GET /0 HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    const waiting = connect(port, "127.0.0.1");
    waiting.write("GET /0 HTTP/1.1\r\nhost: x\r\n\r\n");
    await expect.poll(() => asked).toHaveLength(2);
    expect(pieces.takenBufferCount).toBe(1);
    waiting.destroy();
    await expect.poll(() => outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({ sentBytes: 0, isComplete: false });
    socket.destroy();
    await expect.poll(() => outcomes).toHaveLength(2);
    expect(outcomes[1]!.isComplete).toBe(false);
    expect(outcomes[1]!.sentBytes).toBeLessThan(PIECE_LENGTH_BYTES);
    expect(pieces.takenBufferCount).toBe(0);
  });

  it.each([
    { name: "stands still", options: { stallTimeoutMs: 100 } },
    { name: "is too slow over all", options: { stallTimeoutMs: 200, rateMinBytesPerSecond: 1e12 } },
  ])("drops a client that $name", async ({ options }) => {
    const { pieces, outcomes, port } = await start(options);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /0 HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    await expect.poll(() => outcomes).toHaveLength(1);
    expect(outcomes[0]!.isComplete).toBe(false);
    expect(pieces.takenBufferCount).toBe(0);
    socket.destroy();
  });

  it("breaks off when the piece is found to be wrong while it is sent", async () => {
    const { outcomes, port } = await start();
    const socket = connect(port, "127.0.0.1");
    socket.write("GET /0 HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    await task.discard();
    let receivedBytes = 0;
    socket.on("data", (chunk: Buffer) => (receivedBytes += chunk.length));
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "close");
    expect(receivedBytes).toBeLessThan(PIECE_LENGTH_BYTES);
    expect(outcomes[0]!.isComplete).toBe(false);
  });
});
