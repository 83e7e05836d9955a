import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, it } from "vitest";
import { WebSocketServer } from "ws";

import type { Clock } from "../../platform/clock.ts";
import { supernodeFrames } from "../../protocol/node-frames.ts";
import { SupernodeLink } from "./supernode-link.ts";

interface LogRecord {
  readonly level: number;
  readonly msg: string;
  readonly error?: string;
  readonly status?: number;
}

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
      hello: () => ({
        kind: "hello",
        nodeId: "0".repeat(32),
        endpoint: "",
        zone: "",
        publicKey: new Uint8Array(32),
        software: "test",
      }),
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
      socket.send(
        supernodeFrames.encode({
          kind: "welcome",
          supernodeId: "0".repeat(32),
          publicKey: new Uint8Array(32),
          endorsement: new Uint8Array(64),
          seedUrl: "http://127.0.0.1:1",
          heartbeatMs: 5000,
        }),
      );
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
