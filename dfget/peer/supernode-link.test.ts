import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, it } from "vitest";
import { WebSocketServer } from "ws";

import type { Clock } from "../../platform/clock.ts";
import { systemClock } from "../../platform/clock.ts";
import { giveBack } from "../../platform/own-memory.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import { supernodeFrames } from "../../protocol/node-frames.ts";
import { SupernodeLink } from "./supernode-link.ts";

interface LogRecord {
  readonly level: number;
  readonly msg: string;
  readonly error?: string;
  readonly status?: number;
}

const HELLO = {
  kind: "hello",
  nodeId: "0".repeat(32),
  endpoint: "",
  zone: "",
  publicKey: new Uint8Array(32),
  software: "test",
} as const;

const WELCOME = supernodeFrames.encode({
  kind: "welcome",
  supernodeId: "0".repeat(32),
  publicKey: new Uint8Array(32),
  endorsement: new Uint8Array(64),
  seedUrl: "http://127.0.0.1:1",
  heartbeatMs: 5000,
});

/** A link to these addresses that stops before its wait number `waitsMax`, its waits, and what it logged. */
function linkTo(urls: readonly string[], waitsMax: number) {
  const records: LogRecord[] = [];
  const waitsMs: number[] = [];
  const done = Promise.withResolvers<void>();
  const clock: Clock = {
    nowMs: () => 0,
    async sleep(delayMs, signal) {
      waitsMs.push(delayMs);
      if (waitsMs.length < waitsMax) return;
      done.resolve();
      await once(signal, "abort");
    },
  };
  const log = pino(
    { level: "warn" },
    { write: (line: string) => void records.push(JSON.parse(line) as LogRecord) },
  );
  const link = new SupernodeLink(
    {
      urls,
      hello: () => HELLO,
    },
    { connected: () => undefined, frame: () => undefined, lost: () => undefined },
    { clock, random: () => 1, log },
  );
  link.start();
  return { link, records, waitsMs, done: done.promise };
}

it("says once why there is no connection, however often it tries", async () => {
  const { link, records, done } = linkTo(["http://127.0.0.1:1"], 5);
  await done;
  await link.close();
  expect(records).toHaveLength(1);
  expect(records[0]?.msg).toContain("no connection to the supernode");
  expect(records[0]?.error).toContain("ECONNREFUSED");
});

it("asks the next supernode when one cannot be reached, and comes back to the first", async () => {
  const asked: string[] = [];
  const server = createServer().listen(0, "127.0.0.1");
  server.on("upgrade", (request, socket) => {
    asked.push(request.url ?? "");
    socket.destroy();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { link, done } = linkTo(["http://127.0.0.1:1", `http://127.0.0.1:${port}`], 5);
  await done;
  await link.close();
  server.close();
  expect(asked).toHaveLength(2);
});

it("says once that what it asks is no supernode", async () => {
  await using server = createServer((_request, response) => response.writeHead(404).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { link, records, done } = linkTo([`http://127.0.0.1:${port}`], 3);
  await done;
  await link.close();
  server.closeAllConnections();
  expect(records.map(({ status, msg }) => [status, msg])).toEqual([
    [404, "the supernode refused the connection; check --supernode"],
  ]);
});

it("waits for long when another node of the same id took its place, and says what to do", async () => {
  await using server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.once("message", () => {
      socket.send(WELCOME);
      socket.close(4409, "replaced");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { link, records, waitsMs, done } = linkTo([`http://127.0.0.1:${port}`], 1);
  await done;
  await link.close();
  sockets.close();
  server.closeAllConnections();
  expect(waitsMs).toEqual([60_000]);
  expect(records.map(({ msg }) => msg)).toEqual([
    expect.stringContaining("give each node a data directory of its own") as string,
  ]);
});

/** A link to a supernode that answers pings or does not, how often it was connected and lost, and its probe's wait. */
async function linkToProbed(autoPong: boolean) {
  const resources = new AsyncDisposableStack();
  const server = resources.use(createServer());
  const sockets = new WebSocketServer({ server, autoPong });
  const pinged = Promise.withResolvers<void>();
  sockets.on("connection", (socket) => {
    socket.once("message", () => socket.send(WELCOME));
    socket.on("ping", () => {
      pinged.resolve();
      // Comes behind the answer to the ping.
      if (autoPong) socket.send(supernodeFrames.encode({ kind: "ask-progress", task: 1 }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connected = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  const probeOver = Promise.withResolvers<void>();
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    async sleep(delayMs, signal) {
      if (delayMs === 4000) await probeOver.promise;
      else if (!signal.aborted) await once(signal, "abort");
    },
  };
  const link = new SupernodeLink(
    { urls: [`http://127.0.0.1:${port}`], hello: () => HELLO },
    {
      connected: () => connected.resolve(),
      frame: () => answered.resolve(),
      lost: () => lost.resolve(),
    },
    { clock, random: () => 1, log: pino({ level: "silent" }) },
  );
  resources.defer(async () => {
    await link.close();
    sockets.close();
    server.closeAllConnections();
  });
  link.start();
  await connected.promise;
  return {
    link,
    lost: lost.promise,
    pinged: pinged.promise,
    answered: answered.promise,
    probeOver: probeOver.resolve,
    resources,
  };
}

it("gives a supernode up that says nothing when it is asked whether it is there", async () => {
  const { link, lost, pinged, probeOver, resources } = await linkToProbed(false);
  await using _all = resources;
  link.probe();
  await pinged;
  expect(link.isConnected).toBe(true);
  probeOver();
  await lost;
  expect(link.isConnected).toBe(false);
});

it("keeps a supernode that answers", async () => {
  const { link, pinged, answered, probeOver, resources } = await linkToProbed(true);
  await using _all = resources;
  link.probe();
  await pinged;
  await answered;
  probeOver();
  await new Promise((resolve) => setImmediate(resolve));
  expect(link.isConnected).toBe(true);
});

it("takes long frames in memory of their own, in order with the others", async () => {
  const content = Buffer.alloc(400_000, 7);
  const whole = {
    kind: "task",
    taskId: "x",
    pieceLengthBytes: 1,
    neighbours: [],
    content,
  } as const;
  await using server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.once("message", () => {
      socket.send(WELCOME);
      for (const task of [1, 2, 3]) {
        socket.send(supernodeFrames.encode({ kind: "ask-progress", task }));
        socket.send(supernodeFrames.encode({ ...whole, task }));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const frames: SupernodeFrame[] = [];
  const all = Promise.withResolvers<void>();
  const link = new SupernodeLink(
    { urls: [`http://127.0.0.1:${port}`], hello: () => HELLO },
    {
      connected: () => undefined,
      frame: (frame) => void (frames.push(frame) === 6 && all.resolve()),
      lost: () => undefined,
    },
    { clock: systemClock, random: () => 1, log: pino({ level: "silent" }) },
  );
  link.start();
  await all.promise;
  await link.close();
  sockets.close();
  server.closeAllConnections();
  expect(frames.map((frame) => [frame.kind, "task" in frame && frame.task])).toEqual(
    [1, 2, 3].flatMap((task) => [
      ["ask-progress", task],
      ["task", task],
    ]),
  );
  for (const frame of frames) {
    if (frame.kind !== "task") continue;
    expect(content.equals(frame.content!)).toBe(true);
    giveBack(frame.content!);
    expect(frame.content).toHaveLength(0);
  }
});
