import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { ErrorCode } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { TaskSummaryRow } from "../../store/piece-store.ts";
import { DaemonAbsentError, DaemonClient } from "../cli/daemon-client.ts";
import { NO_LIMITS, RateLimits } from "../peer/rate-limits.ts";
import type { LocalCache } from "../peer/local-cache.ts";
import type { OpenTask, TaskRequest } from "../peer/open-task.ts";
import type { TakeWhole, WholeFile } from "../peer/whole-files.ts";
import { ControlServer } from "./control-server.ts";
import { DOWNLOAD_FRAME_BYTES_MAX } from "./download-frames.ts";

const { signal } = new AbortController();
const NODE_ID = "00112233445566778899aabbccddeeff";

/** A peer whose tasks are given by the test. */
class FakePeer {
  readonly limits = new RateLimits(NO_LIMITS, () => []);
  readonly requests: TaskRequest[] = [];
  closedTasks = 0;
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = [];
  /** Waits after the chunks, as for a piece that does not come. */
  isStuck = false;
  /** The whole, which need not be read. */
  inMemory: Uint8Array | undefined;
  /** Comes before anything else, and is kept later. */
  whole: WholeFile | undefined;
  kept: Promise<void> | undefined;
  refusal: ErrorCode | undefined;
  readFailure: ErrorCode | undefined;
  readonly readEnded = Promise.withResolvers<void>();

  async open(request: TaskRequest, _signal: AbortSignal, take?: TakeWhole): Promise<OpenTask> {
    this.requests.push(request);
    if (this.whole) take?.(this.whole);
    await this.kept;
    if (this.refusal) throw new ProtocolError(this.refusal, `refused with ${this.refusal}`);
    const receivedBytes = { seed: 1, peers: 2, origin: 0 };
    return {
      taskId: "url:00" as TaskId,
      lengthBytes: undefined,
      mediaType: "text/plain",
      firstSource: "peers",
      sourceAt: () => "peers",
      read: (_range, signal) => this.#read(signal),
      inMemory: () => this.inMemory,
      completed: Promise.resolve(),
      failure: undefined,
      progress: () => ({ lengthBytes: undefined, heldBytes: 3, receivedBytes }),
      [Symbol.asyncDispose]: async () => {
        this.closedTasks += 1;
      },
    };
  }

  status() {
    const endpoint = { host: "127.0.0.1", port: 65002 };
    return { nodeId: NODE_ID, endpoint, supernodeUrl: "http://s:8002" };
  }

  async *#read(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.chunks) {
        signal.throwIfAborted();
        yield chunk;
      }
      if (this.isStuck) await once(signal, "abort");
      signal.throwIfAborted();
      if (this.readFailure) throw new ProtocolError(this.readFailure, "the reading failed");
    } finally {
      this.readEnded.resolve();
    }
  }
}

/** What a cache says of which nothing but these rows is asked. */
function cacheOf(rows: readonly TaskSummaryRow[]): LocalCache {
  return { list: () => rows, usedBytes: 0 } as unknown as LocalCache;
}

function keptRow(taskId: TaskId): TaskSummaryRow {
  const figures = { lengthBytes: 1, pieceLengthBytes: 65_536, heldPieces: 1, heldBytes: 1 };
  const record = { taskId, mediaType: undefined, isProven: true };
  return { ...record, ...figures, lastUsedAtMs: 1, isPinned: false };
}

let directory: string;
let peer: FakePeer;
let server: ControlServer;
let client: DaemonClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-control-"));
  const socketPath = join(directory, "d.sock");
  peer = new FakePeer();
  const deps = { clock: systemClock, log: silentLog };
  const options = { socketPath, supernodeUrls: ["http://s:8002"] };
  server = await ControlServer.start(peer, options, deps, signal);
  client = new DaemonClient(socketPath);
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function fetchJson(socketPath: string, method: string, path: string, body: unknown) {
  const client = new Client("http://dfget", { socketPath });
  try {
    const answer = await client.request({
      method,
      path,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return { status: answer.statusCode, body: await answer.body.json() };
  } finally {
    await client.close();
  }
}

async function download(url = "http://a.example/f", headers = {}, by = client) {
  const content: Uint8Array[] = [];
  const events = [];
  for await (const part of await by.download({ url, headers }, signal)) {
    if (part.kind === "content") content.push(Uint8Array.from(part.bytes));
    else events.push(part.event);
  }
  return { content: Buffer.concat(content), events };
}

describe("the control server", () => {
  it.each([
    ["kept", undefined],
    ["not kept, because it cannot be,", "STORAGE_FULL"],
  ] as const)("gives a small file out before it is %s", async (_name, refusal) => {
    const bytes = Buffer.from("small");
    peer.whole = { taskId: "url:00" as TaskId, bytes, mediaType: undefined, lastModified: "now" };
    peer.refusal = refusal;
    const { content, events } = await download();
    expect(content.equals(bytes)).toBe(true);
    expect(events).toMatchObject([
      { event: "opened", lengthBytes: 5, lastModified: "now", firstSource: "seed" },
      { event: "completed", receivedBytes: { seed: 5, peers: 0, origin: 0 } },
    ]);
  });

  it("answers what is asked about the cache when what was given out is kept", async () => {
    const dataDir = join(directory, "data");
    const socketPath = join(directory, "own.sock");
    await mkdir(dataDir);
    const rows: TaskSummaryRow[] = [];
    const cached = Object.assign(new FakePeer(), { cache: cacheOf(rows) });
    const keeping = Promise.withResolvers<void>();
    cached.kept = keeping.promise;
    const taskId = "url:00" as TaskId;
    cached.whole = {
      taskId,
      bytes: Buffer.from("a"),
      mediaType: undefined,
      lastModified: undefined,
    };
    const deps = { clock: systemClock, log: silentLog };
    const options = { socketPath, supernodeUrls: [], dataDir };
    await using _own = await ControlServer.start(cached, options, deps, signal);
    const asking = new DaemonClient(socketPath);
    await download(undefined, undefined, asking);
    const listing = asking.ask({ method: "GET", path: "/v1/tasks" }, signal);
    // Asked later, and answered before.
    await asking.status(signal);
    rows.push(keptRow(taskId));
    keeping.resolve();
    expect(await listing).toMatchObject({ tasks: [{ taskId, isComplete: true }] });
  });

  it("passes content through unchanged and tells how it began and ended", async () => {
    const bytes = Buffer.alloc(5_000_000, "darter");
    // Views of one buffer that is used again, as a reader of pieces gives them.
    const shared = Buffer.alloc(2_500_000);
    peer.chunks = (function* () {
      for (let offset = 0; offset < bytes.length; offset += shared.length) {
        bytes.copy(shared, 0, offset);
        yield shared;
      }
    })();
    const { content, events } = await download();
    expect(content.equals(bytes)).toBe(true);
    expect(events[0]).toEqual({
      event: "opened",
      taskId: "url:00",
      mediaType: "text/plain",
      firstByte: 0,
      firstSource: "peers",
    });
    expect(events.at(-1)).toEqual({
      event: "completed",
      sentBytes: 5_000_000,
      lengthBytes: bytes.length,
      receivedBytes: { seed: 1, peers: 2, origin: 0 },
    });
    expect(peer.closedTasks).toBe(1);
    expect(server.activity.running).toBe(0);
  });

  it("tells the limits and changes those that are named, while the daemon runs", async () => {
    const ask = async (method: string, body?: unknown) =>
      await fetchJson(join(directory, "d.sock"), method, "/v1/limits", body);
    expect(await ask("GET")).toEqual({ status: 200, body: NO_LIMITS });
    const changed = { ...NO_LIMITS, uploadBytesPerSecond: 1000 };
    expect(await ask("PUT", { uploadBytesPerSecond: 1000 })).toEqual({
      status: 200,
      body: changed,
    });
    expect(peer.limits.upload.bytesPerSecond).toBe(1000);
    for (const wrong of [{ uploadBytesPerSecond: -1 }, { uploadBytesPerSecond: "x" }]) {
      expect(await ask("PUT", wrong)).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
    }
    expect(await ask("GET")).toEqual({ status: 200, body: changed });
  });

  it("sends what is in memory at once, without reading it, and reads a part of it", async () => {
    peer.inMemory = Buffer.from("short");
    peer.chunks = [Buffer.from("read")];
    const { content, events } = await download();
    expect(content.toString()).toBe("short");
    expect(events.map(({ event }) => event)).toEqual(["opened", "completed"]);
    expect(events[1]).toMatchObject({ lengthBytes: 5, sentBytes: 5 });
    expect(peer.closedTasks).toBe(1);
    const request = { url: "http://a.example/f", range: { firstByte: 1 } };
    const kinds = [];
    for await (const part of await client.download(request, signal)) {
      kinds.push(part.kind === "content" ? Buffer.from(part.bytes).toString() : part.event.event);
    }
    expect(kinds).toEqual(["opened", "read", "completed"]);
  });

  it("passes on empty content", async () => {
    const { content, events } = await download();
    expect(content).toHaveLength(0);
    expect(events.at(-1)).toMatchObject({ event: "completed", lengthBytes: 0 });
  });

  it("hands the caller's headers to the peer", async () => {
    await download("http://a.example/f", { Authorization: "Bearer t" });
    expect(peer.requests[0]?.origin?.headers).toEqual(new Map([["authorization", "Bearer t"]]));
  });

  it.each([
    ["ORIGIN_NOT_FOUND", EXIT.notFound],
    ["ORIGIN_UNAUTHORIZED", EXIT.denied],
    ["ORIGIN_FORBIDDEN", EXIT.denied],
    ["ORIGIN_FAILED", EXIT.originFailed],
    ["ORIGIN_UNREACHABLE", EXIT.unreachable],
    ["DIGEST_MISMATCH", EXIT.digestMismatch],
  ] as const)("tells of a refusal with %s before the content", async (code, exitCode) => {
    peer.refusal = code;
    const failure = await download().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({ exitCode, message: `refused with ${code}` });
  });

  it("tells of a failure amid the content in the last event", async () => {
    peer.chunks = [new Uint8Array(10)];
    peer.readFailure = "ORIGIN_CHANGED";
    const { content, events } = await download();
    expect(content).toHaveLength(10);
    expect(events.at(-1)).toEqual({
      event: "failed",
      code: "ORIGIN_CHANGED",
      message: "the reading failed",
    });
    expect(peer.closedTasks).toBe(1);
  });

  it.each([
    ["content comes", false],
    ["it waits for more", true],
  ])("ends the reading when the reader goes away while %s", async (_what, isStuck) => {
    peer.isStuck = isStuck;
    const one = new Uint8Array(1024);
    peer.chunks = isStuck
      ? [one]
      : (async function* () {
          for (;;) {
            yield one;
            await Promise.resolve();
          }
        })();
    const parts = await client.download({ url: "http://a.example/f" }, signal);
    await parts.next();
    await parts.return(undefined);
    await peer.readEnded.promise;
    while (server.activity.running > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(peer.closedTasks).toBe(1);
  });

  it("refuses new downloads and breaks off running ones when it drains", async () => {
    const gate = Promise.withResolvers<void>();
    peer.chunks = (async function* () {
      yield new Uint8Array(1);
      await gate.promise;
      yield new Uint8Array(1);
    })();
    const parts = await client.download({ url: "http://a.example/f" }, signal);
    await parts.next();
    server.drain();
    gate.resolve();
    const events = [];
    for await (const part of parts) if (part.kind === "event") events.push(part.event);
    expect(events.at(-1)).toMatchObject({ event: "failed", code: "SHUTTING_DOWN" });
    expect(await client.status(signal)).toMatchObject({ state: "draining" });
    await expect(download()).rejects.toThrow(DaemonAbsentError);
  });

  it("has sent what is under way when it drains, before the memory is used for other bytes", async () => {
    const view = new Uint8Array(DOWNLOAD_FRAME_BYTES_MAX).fill(1);
    peer.chunks = (async function* () {
      try {
        yield view;
      } finally {
        view.fill(0);
      }
    })();
    const parts = await client.download({ url: "http://a.example/f" }, signal);
    const wrong = new Set<number>();
    let receivedBytes = 0;
    for await (const part of parts) {
      if (part.kind !== "content") continue;
      if (receivedBytes === 0) server.drain();
      receivedBytes += part.bytes.length;
      for (const byte of part.bytes) if (byte !== 1) wrong.add(byte);
    }
    expect(wrong).toEqual(new Set());
    expect(receivedBytes).toBe(view.length);
  });

  it("says who it is", async () => {
    expect(await client.status(signal)).toMatchObject({
      pid: process.pid,
      state: "ready",
      nodeId: NODE_ID,
      endpoint: "127.0.0.1:65002",
      supernodes: ["http://s:8002"],
      connectedSupernode: "http://s:8002",
      downloads: 0,
    });
  });

  it("answers what it cannot use with a code and a sentence", async () => {
    const answer = async (body: string, path = "/v1/downloads") => {
      const { socketPath } = client;
      const headers = { "content-type": "application/json" };
      const request = httpRequest({ socketPath, path, method: "POST", headers, agent: false });
      request.on("error", () => undefined);
      request.end(body);
      const [response] = await once(request, "response");
      const chunks: Uint8Array[] = [];
      for await (const chunk of response) chunks.push(chunk as Uint8Array);
      return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
    };
    for (const body of ["{", "[]", "{}", '{"url":"x"}', `{"url":"${"x".repeat(300_000)}"}`]) {
      expect(await answer(body)).toMatchObject({ code: "BAD_REQUEST" });
    }
    expect(await answer("{}", "/v1/other")).toMatchObject({ code: "NOT_FOUND" });
    expect(peer.requests).toHaveLength(0);
  });

  it("leaves no socket behind, where nobody answers any more", async () => {
    await server[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
    await expect(client.status(signal)).rejects.toThrow(DaemonAbsentError);
  });
});
