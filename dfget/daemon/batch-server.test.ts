import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { takeMemory } from "../../platform/own-memory.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { DaemonClient } from "../cli/daemon-client.ts";
import type { TaskRequest } from "../peer/open-task.ts";
import { NO_LIMITS, RateLimits } from "../peer/rate-limits.ts";
import type { WholeFile } from "../peer/whole-files.ts";
import type { DownloadRequest } from "./api-schema.ts";
import { BATCH_FRAME_BYTES_MAX, BATCH_PATH, BATCH_UPGRADE, batchHeader } from "./batch-frames.ts";
import { ControlServer } from "./control-server.ts";

const { signal } = new AbortController();

/** A peer that has every file at once, but for those whose names say otherwise. */
const peer = {
  limits: new RateLimits(NO_LIMITS, () => []),
  open: async () => await Promise.reject(new ProtocolError("NOT_FOUND", "opened in full")),
  status: () => ({
    nodeId: "00112233445566778899aabbccddeeff",
    endpoint: { host: "127.0.0.1", port: 65002 },
    supernodeUrl: undefined,
  }),
  wholeFiles: {
    fetch: async ({ origin }: TaskRequest, until: AbortSignal): Promise<WholeFile | undefined> => {
      const name = new URL(origin!.url).pathname.slice(1);
      asked.push(name);
      if (name === "long") return undefined;
      if (name === "missing") throw new ProtocolError("ORIGIN_NOT_FOUND", "there is no file");
      if (name === "stuck") {
        await new Promise((_resolve, reject) => {
          until.addEventListener("abort", () => reject(until.reason as Error));
        });
      }
      const bytes = takeMemory(Number(/\d+$/.exec(name)?.[0] ?? 0)).fill(name);
      sent.push(bytes);
      return { taskId: "url:00" as TaskId, bytes, mediaType: "a/b", lastModified: undefined };
    },
  },
};

let asked: string[] = [];
let sent: Buffer[] = [];
let directory: string;
let socketPath: string;
let server: ControlServer;

beforeEach(async () => {
  asked = [];
  sent = [];
  directory = await mkdtemp(join(tmpdir(), "darter-batch-"));
  socketPath = join(directory, "d.sock");
  server = await startServer();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function startServer(): Promise<ControlServer> {
  const deps = { clock: systemClock, log: silentLog };
  return await ControlServer.start(peer, { socketPath, supernodeUrls: [] }, deps, signal);
}

function request(name: string): DownloadRequest {
  return { url: `http://a.example/${name}` };
}

describe("a conversation about many files", () => {
  it("brings each file whole with its events, in any order and over one connection", async () => {
    const client = new DaemonClient(socketPath);
    const names = Array.from({ length: 200 }, (_, i) => `file-${i * 1300}`);
    const answers = await Promise.all(
      names.map(async (name) => await client.downloadSmall(request(name), signal)),
    );
    answers.forEach((parts, i) => {
      const lengthBytes = i * 1300;
      const events = parts!.flatMap((part) => (part.kind === "event" ? [part.event] : []));
      const content = parts!.flatMap((part) => (part.kind === "content" ? [part.bytes] : []));
      expect(Buffer.concat(content).equals(Buffer.alloc(lengthBytes, names[i]))).toBe(true);
      expect(events).toMatchObject([
        { event: "opened", taskId: "url:00", lengthBytes, mediaType: "a/b", firstSource: "seed" },
        { event: "completed", lengthBytes, receivedBytes: { seed: lengthBytes } },
      ]);
    });
    expect(asked.toSorted()).toEqual(names.toSorted());
    expect(server.activity.running).toBe(0);
  });

  it("keeps nothing in memory of what it has sent", async () => {
    const client = new DaemonClient(socketPath);
    await client.downloadSmall(request("file-400000"), signal);
    await expect.poll(() => sent.map(({ length }) => length)).toEqual([0]);
  });

  it("sends away what is no small file, and tells why one cannot be had", async () => {
    const client = new DaemonClient(socketPath);
    expect(await client.downloadSmall(request("long"), signal)).toBeUndefined();
    const range = { firstByte: 1 };
    expect(await client.downloadSmall({ ...request("file-9"), range }, signal)).toBeUndefined();
    expect(asked).toEqual(["long"]);
    expect(await client.downloadSmall(request("missing"), signal)).toEqual([
      { kind: "event", event: expect.objectContaining({ code: "ORIGIN_NOT_FOUND" }) },
    ]);
    expect(await client.downloadSmall({ url: "" }, signal)).toEqual([
      { kind: "event", event: expect.objectContaining({ code: "BAD_REQUEST" }) },
    ]);
  });

  it("has what takes long asked for alone, and goes on with it until the reader is gone", async () => {
    const client = new DaemonClient(socketPath);
    const [stuck, quick] = await Promise.all([
      client.downloadSmall(request("stuck"), signal),
      client.downloadSmall(request("file-3"), signal),
    ]);
    expect([stuck, quick?.length]).toEqual([undefined, 3]);
    expect(server.activity.running).toBe(1);
    server.drain();
    await expect.poll(() => server.activity.running).toBe(0);
    expect(await client.downloadSmall(request("file-3"), signal)).toBeUndefined();
  });

  it("begins anew with the daemon that comes after one that went away", async () => {
    const client = new DaemonClient(socketPath);
    expect(await client.downloadSmall(request("file-3"), signal)).toHaveLength(3);
    await server[Symbol.asyncDispose]();
    expect(await client.downloadSmall(request("file-3"), signal)).toBeUndefined();
    server = await startServer();
    expect(await client.downloadSmall(request("file-3"), signal)).toHaveLength(3);
  });

  it("is ended by whoever sends what is none of its frames", async () => {
    const socket = connect(socketPath);
    socket.write(
      `GET ${BATCH_PATH} HTTP/1.1\r\nhost: dfget\r\nconnection: upgrade\r\nupgrade: ${BATCH_UPGRADE}\r\n\r\n`,
    );
    socket.write(batchHeader(0, BATCH_FRAME_BYTES_MAX + 1));
    const answer = Buffer.concat(await socket.toArray());
    expect(String(answer)).toMatch(/^HTTP\/1\.1 101 [^\r]*\r\n[^]*\r\n\r\n$/);
  });

  it("begins nowhere else, and who was told so keeps no daemon from ending", async () => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.write("GET / HTTP/1.1\r\nhost: dfget\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
    await server[Symbol.asyncDispose]();
    socket.destroy();
  });

  it("does not begin when the daemon is about to end", async () => {
    const socket = connect(socketPath);
    await once(socket, "connect");
    server.drain();
    socket.write(
      `GET ${BATCH_PATH} HTTP/1.1\r\nhost: dfget\r\nconnection: upgrade\r\nupgrade: ${BATCH_UPGRADE}\r\n\r\n`,
    );
    expect(await socket.toArray()).toEqual([]);
  });
});
