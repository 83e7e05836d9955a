import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

import type { NodeFrame, SupernodeFrame } from "../../protocol/node-frames.ts";
import { nodeFrames, supernodeFrames } from "../../protocol/node-frames.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { silentLog } from "../../platform/log.ts";
import { Signer } from "../../platform/signing.ts";
import { until } from "../../test/harness/until.ts";
import type { OpenTask } from "./open-task.ts";
import { Peer } from "./peer.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const headers = new Map<string, string>();
const wrongDigest = `sha256:${"a".repeat(64)}` as TaskId;

let stack: AsyncDisposableStack;
beforeEach(() => void (stack = new AsyncDisposableStack()));
afterEach(async () => await stack.disposeAsync());

async function startPeer(supernodeUrls: readonly string[] = []): Promise<Peer> {
  const dataDir = await mkdtemp(join(tmpdir(), "darter-peer-"));
  stack.defer(async () => await rm(dataDir, { recursive: true }));
  const options = {
    listen: { host: "127.0.0.1", port: 0 },
    advertise: undefined,
    supernodeUrls,
    dataDir,
    zone: "",
    diskQuotaBytes: 0,
    allowOrigins: ["127.0.0.1"],
  };
  return stack.use(await Peer.start(options, { log: silentLog, metrics: new Registry() }));
}

async function startOrigin(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
}

/** A supernode that says what the test says; `connections` counts how often the node came. */
async function startSupernode(
  answer: (
    frame: NodeFrame,
    send: (...frames: SupernodeFrame[]) => void,
    socket: WebSocket,
  ) => void,
  seedUrl?: string,
): Promise<string> {
  const signer = Signer.ephemeral();
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    const send = (...frames: SupernodeFrame[]): void => {
      // In one packet, so that the node reads them in one go.
      request.socket.cork();
      for (const frame of frames) socket.send(supernodeFrames.encode(frame));
      request.socket.uncork();
    };
    socket.on("message", (data: Buffer) => {
      const frame = nodeFrames.decode(data)!;
      if (frame.kind !== "hello") return answer(frame, send, socket);
      send({
        kind: "welcome",
        supernodeId: "0".repeat(32),
        publicKey: signer.publicKey,
        endorsement: signer.endorse(frame.publicKey),
        heartbeatMs: 5000,
        seedUrl,
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function readAll(task: OpenTask): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of task.read({ firstByte: 0 }, never)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

describe("a peer without a supernode", () => {
  it("does not take an empty answer for the content of a digest", async () => {
    const url = await startOrigin((_request, response) => {
      response.setHeader("content-length", 0);
      response.end();
    });
    const peer = await startPeer();
    const request = { taskId: wrongDigest, origin: { url, headers } };
    await using task = await peer.open(request, never);
    await expect(readAll(task)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await peer.openLocal(wrongDigest)).toBeUndefined();
  });

  it("does not say that wrong content of unknown length was all", async () => {
    const url = await startOrigin((_request, response) => {
      response.write(Buffer.alloc(MIB));
      response.end(Buffer.alloc(MIB));
    });
    const peer = await startPeer();
    const request = { taskId: wrongDigest, origin: { url, headers } };
    await using task = await peer.open(request, never);
    await expect(readAll(task)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("makes one task of two requests that turn out to be for the same", async () => {
    const bothAsked = Promise.withResolvers<void>();
    let asked = 0;
    const content = Buffer.alloc(3 * MIB, "x");
    const url = await startOrigin((request, response) => {
      response.setHeader("etag", '"1"');
      response.setHeader("content-length", content.length);
      if (request.method === "HEAD") asked += 1;
      if (asked === 2) bothAsked.resolve();
      void bothAsked.promise.then(() => response.end(content));
    });
    const peer = await startPeer();
    const identity = { filteredQueryParameters: ["signature"], tag: "" };
    const tasks = await Promise.all(
      [1, 2].map((n) =>
        peer.open({ origin: { url: `${url}?signature=${n}`, headers }, identity }, never),
      ),
    );
    for (const task of tasks) stack.use(task);
    expect(tasks[0]!.taskId).toBe(tasks[1]!.taskId);
    expect(peer.status().taskCount).toBe(1);
    for (const task of tasks) expect((await readAll(task)).equals(content)).toBe(true);
  });

  it("ends a task whose content has changed at the origin", async () => {
    const url = await startOrigin((request, response) => {
      response.setHeader("etag", request.method === "HEAD" ? '"1"' : '"2"');
      response.setHeader("content-length", MIB);
      response.end(request.method === "HEAD" ? undefined : Buffer.alloc(MIB));
    });
    const peer = await startPeer();
    await using task = await peer.open({ origin: { url, headers } }, never);
    await expect(readAll(task)).rejects.toMatchObject({ code: "ORIGIN_CHANGED" });
  });
});

describe("a peer with a supernode", () => {
  const shape = { pieceLengthBytes: MIB, lengthBytes: 4 * MIB, neighbours: [] };

  it("hears that a task was aborted right after it was answered", async () => {
    const supernode = await startSupernode((frame, send) => {
      if (frame.kind !== "join") return;
      const { task } = frame;
      send(
        { kind: "task", task, taskId: wrongDigest, ...shape },
        { kind: "abort", task, code: "ORIGIN_NOT_FOUND", message: "gone", discard: false },
      );
    });
    const peer = await startPeer([supernode]);
    const opening = peer.open({ taskId: wrongDigest }, never).then(readAll);
    await expect(opening).rejects.toMatchObject({ code: "ORIGIN_NOT_FOUND" });
  });

  it("goes on with a supernode whose seed has no usable address", async () => {
    const supernode = await startSupernode((frame, send) => {
      if (frame.kind !== "join") return;
      send({ kind: "task", task: frame.task, taskId: wrongDigest, ...shape });
    }, "http://10.0.0.256:8002");
    const peer = await startPeer([supernode]);
    await using task = await peer.open({ taskId: wrongDigest }, never);
    expect(task.lengthBytes).toBe(shape.lengthBytes);
  });

  it("names a task that it joins again by all that makes its id", async () => {
    const joins: Extract<NodeFrame, { kind: "join" }>[] = [];
    const again = Promise.withResolvers<void>();
    const taskId = `url:${"b".repeat(64)}`;
    const supernode = await startSupernode((frame, send, socket) => {
      if (frame.kind !== "join") return;
      joins.push(frame);
      send({ kind: "task", task: frame.task, taskId, ...shape });
      if (joins.length === 1) setImmediate(() => socket.terminate());
      else again.resolve();
    });
    const peer = await startPeer([supernode]);
    const identity = { filteredQueryParameters: ["signature"], tag: "mine" };
    const origin = { url: "http://127.0.0.1:9/file", headers };
    await using _task = await peer.open({ origin, identity, backSource: false }, never);
    await again.promise;
    expect(joins[1]).toMatchObject({ taskId, identity, origin: { url: origin.url } });
  });

  it("asks for what each reader of parts needs next, however much another reads", async () => {
    const wanted = new Set<number>();
    const supernode = await startSupernode((frame, send) => {
      if (frame.kind === "want") frame.pieces.forEach((piece) => wanted.add(piece));
      if (frame.kind !== "join") return;
      const { task } = frame;
      send({ kind: "task", task, taskId: wrongDigest, ...shape, lengthBytes: 100 * MIB });
    });
    const peer = await startPeer([supernode]);
    await using task = await peer.open({ taskId: wrongDigest, isPart: true }, never);
    const abort = new AbortController();
    stack.defer(() => abort.abort());
    const read = (firstByte: number, lastByte: number): void => {
      const bytes = task.read({ firstByte, lastByte }, abort.signal)[Symbol.asyncIterator]();
      bytes.next().catch(() => undefined);
    };
    read(0, 80 * MIB);
    read(90 * MIB, 90 * MIB + 1);
    await until(() => wanted.has(90), { what: "the piece of the second reader" });
    expect(wanted.has(70)).toBe(false);
  });

  it("has a caller admitted anew where the admission is old, and others not", async () => {
    const taskId = `${wrongDigest}@${"c".repeat(24)}` as TaskId;
    const numbers: [kind: string, task: number][] = [];
    const signer = Signer.ephemeral();
    const supernode = await startSupernode((frame, send) => {
      if (frame.kind === "leave") numbers.push([frame.kind, frame.task]);
      if (frame.kind !== "join") return;
      const { kind, task } = frame;
      numbers.push([kind, task]);
      const untilMs = Date.now() + 10 * 60_000;
      const grantedAtMs = Date.now() - (task === 1 ? 31 * 60_000 : 0);
      const admission = signer.admit(taskId, "0".repeat(32), { grantedAtMs, untilMs });
      send({ kind: "task", task, taskId, ...shape, admission });
    });
    const peer = await startPeer([supernode]);
    const request = { taskId, isPart: true };
    for (let time = 0; time < 3; time++) stack.use(await peer.open(request, never));
    await until(() => numbers.length === 3, { what: "the second join to be left" });
    expect(numbers).toEqual([
      ["join", 1],
      ["join", 2],
      ["leave", 2],
    ]);
  });
});
