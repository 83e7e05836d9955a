import { describe, expect, it } from "vitest";

import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import type { TaskList } from "../protocol/rest.ts";
import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../test/harness/temporary-directory.ts";
import { until } from "../test/harness/until.ts";
import type { SupernodeConfig } from "./config.ts";
import { ScriptedNode } from "./scripted-node.ts";
import type { SupernodeTuning } from "./supernode.ts";
import { startSupernode } from "./supernode.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

interface World extends AsyncDisposable {
  readonly origin: FaultyOrigin;
  node(): Promise<ScriptedNode>;
  /** Stops the supernode and starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  tasks(): Promise<TaskList["tasks"]>;
}

async function world(
  config: Partial<SupernodeConfig> = {},
  tuning: SupernodeTuning = {},
): Promise<World> {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await TemporaryDirectory.create("seeding"));
  const origin = stack.use(await FaultyOrigin.start());
  const start = async () =>
    await startSupernode(
      {
        listen: "127.0.0.1:0",
        dataDir: directory.path,
        diskQuota: 0,
        uploadRate: 0,
        uploadSlots: 64,
        seedSlots: 64,
        allowOrigin: ["127.0.0.1"],
        heartbeat: 5000,
        logLevel: "silent",
        ...config,
      },
      { log: silentLog, clock: systemClock, random: () => 0.5 },
      { origin: { answerBackoffMs: 1, connectionBackoffMs: 1 }, ...tuning },
    );
  let supernode = await start();
  const nodes: ScriptedNode[] = [];
  const stop = async (): Promise<void> => {
    for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]();
    await supernode[Symbol.asyncDispose]();
  };
  stack.defer(stop);
  const authority = (): string => `127.0.0.1:${supernode.endpoint.port}`;
  return {
    origin,
    async node() {
      const node = await ScriptedNode.connect(authority());
      nodes.push(node);
      return node;
    },
    async restart() {
      await stop();
      supernode = await start();
    },
    stop,
    async tasks() {
      const response = await fetch(`http://${authority()}/api/v1/tasks`);
      return ((await response.json()) as TaskList).tasks;
    },
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

describe("a task with a digest", () => {
  it("is read once for all who ask, and each piece is handed out with its certificate", async () => {
    await using it = await world();
    const content = seededBytes("three", 3 * MIB + 17);
    const digest = bytesDigest(content);
    const url = it.origin.serve("/blob", { content });
    const nodes = await Promise.all([it.node(), it.node(), it.node()]);
    const numbers = nodes.map((node) => node.joinUrl(url, digest));
    const answers = await Promise.all(nodes.map((node, i) => node.next("task", numbers[i])));
    for (const answer of answers) {
      expect(answer).toMatchObject({
        taskId: digest,
        lengthBytes: content.length,
        pieceLengthBytes: 256 * KIB,
        mediaType: "application/octet-stream",
      });
    }
    await Promise.all(nodes.map((node, i) => node.next("proven", numbers[i])));
    for (let piece = 0; piece < 13; piece++) {
      const bytes = await nodes[0].fetchPiece(digest, piece);
      expect(bytes.equals(content.subarray(piece * 256 * KIB, (piece + 1) * 256 * KIB))).toBe(true);
    }
    expect(it.origin.requests).toHaveLength(1);
    const [task] = await it.tasks();
    expect(task).toMatchObject({
      taskId: digest,
      state: "complete",
      piecesReady: 13,
      peers: 3,
      originRequests: 1,
      originBytes: content.length,
    });
  });

  it("offers every piece to a node that takes them all", async () => {
    await using it = await world();
    const content = seededBytes("offers", 2 * MIB);
    const digest = bytesDigest(content);
    const node = await it.node();
    const number = node.joinUrl(it.origin.serve("/blob", { content }), digest);
    const fetched = await node.fetchAll(number);
    expect(fetched.content.equals(content)).toBe(true);
    await until(async () => (await it.tasks())[0]?.seedBytes === content.length, {
      what: "the bytes sent to be counted",
      timeoutMs: 2000,
    });
  });

  it.each([1, 1000, 256 * KIB])(
    "of %i bytes travels inside the answer, for one request",
    async (lengthBytes) => {
      await using it = await world();
      const content = seededBytes("small", lengthBytes);
      const digest = bytesDigest(content);
      const url = it.origin.serve("/blob", { content });
      const nodes = await Promise.all([it.node(), it.node()]);
      for (let round = 0; round < 2; round++) {
        const numbers = nodes.map((node) => node.joinUrl(url, digest));
        for (const [i, node] of nodes.entries()) {
          const answer = await node.next("task", numbers[i]);
          expect(Buffer.from(answer.content!).equals(content)).toBe(true);
          expect(answer.neighbours).toEqual([]);
          node.checkPiece(digest, 0, answer.content!, answer.certificate!);
          await node.next("proven", numbers[i]);
        }
      }
      expect(it.origin.requests).toHaveLength(1);
    },
  );

  it("of 256 KiB and one byte is two pieces", async () => {
    await using it = await world();
    const content = seededBytes("two", 256 * KIB + 1);
    const node = await it.node();
    const number = node.joinUrl(it.origin.serve("/b", { content }), bytesDigest(content));
    const { task, content: fetched } = await node.fetchAll(number);
    expect(task.content).toBeUndefined();
    expect(fetched.equals(content)).toBe(true);
  });

  it("that is empty has no pieces and is proven", async () => {
    await using it = await world();
    const digest = bytesDigest(Buffer.alloc(0));
    const node = await it.node();
    const number = node.joinUrl(it.origin.serve("/b", { content: Buffer.alloc(0) }), digest);
    expect(await node.next("task", number)).toMatchObject({ lengthBytes: 0 });
    await node.next("proven", number);
  });

  it.each([
    ["empty", 0],
    ["one byte", 1],
    ["one piece", MIB],
    ["two pieces and a byte", 2 * MIB + 1],
  ])("of unknown length (%s) tells the length at the end", async (name, lengthBytes) => {
    await using it = await world();
    const content = seededBytes(name, lengthBytes);
    const url = it.origin.serve("/b", { content, faults: { isChunked: true } });
    const node = await it.node();
    const number = node.joinUrl(url, bytesDigest(content));
    const fetched = await node.fetchAll(number);
    expect(fetched.task.lengthBytes).toBeUndefined();
    expect(fetched.task.pieceLengthBytes).toBe(MIB);
    expect(fetched.content.equals(content)).toBe(true);
    expect(await node.next("proven", number)).toBeDefined();
  });

  it("takes the piece length that the first caller asks for", async () => {
    await using it = await world();
    const content = seededBytes("asked", 2 * MIB);
    const url = it.origin.serve("/b", { content });
    const node = await it.node();
    const number = node.join({
      taskId: bytesDigest(content),
      origin: { url, headers: [] },
      pieceLengthBytes: MIB,
    });
    expect((await node.next("task", number)).pieceLengthBytes).toBe(MIB);
  });

  it("goes on by Range where the origin was cut", async () => {
    await using it = await world();
    const content = seededBytes("cut", 2 * MIB);
    const url = it.origin.serve("/b", {
      content,
      etag: '"1"',
      faults: { cutAtByte: 700_000, cutCount: 1 },
    });
    const node = await it.node();
    const fetched = await node.fetchAll(node.joinUrl(url, bytesDigest(content)));
    expect(fetched.content.equals(content)).toBe(true);
    expect(it.origin.gets("/b").map(({ headers }) => headers["range"])).toEqual([
      undefined,
      "bytes=700000-",
    ]);
    expect((await it.tasks())[0]).toMatchObject({ originRequests: 2, originBytes: content.length });
  });
});

describe("wrong bytes", () => {
  it("abort the task for all, name both digests, and the last piece is never handed out", async () => {
    await using it = await world();
    const content = seededBytes("wrong", MIB);
    const digest = bytesDigest(content);
    const url = it.origin.serve("/b", { content, faults: { corruptAtByte: 10 } });
    const nodes = await Promise.all([it.node(), it.node()]);
    const numbers = nodes.map((node) => node.joinUrl(url, digest));
    for (const [i, node] of nodes.entries()) {
      const abort = await node.next("abort", numbers[i]);
      expect(abort).toMatchObject({ code: "DIGEST_MISMATCH", discard: true });
      expect(abort.message).toContain(digest);
      expect(abort.message).toMatch(/have the digest sha256:[0-9a-f]{64} instead/);
      const offered = node.frames.flatMap((frame) => (frame.kind === "offer" ? frame.pieces : []));
      expect(offered).not.toContain(3);
    }
    await expect(nodes[0].fetchPiece(digest, 0)).rejects.toThrow("404");
    expect(await it.tasks()).toMatchObject([{ state: "failed", piecesReady: 3 }]);
  });

  it("are not asked for again for a while, but another origin may have the right ones", async () => {
    await using it = await world();
    const content = seededBytes("memory", 100 * KIB);
    const digest = bytesDigest(content);
    const bad = it.origin.serve("/bad", { content, faults: { corruptAtByte: 10 } });
    const good = it.origin.serve("/good", { content });
    const node = await it.node();
    const first = await node.next("abort", node.joinUrl(bad, digest));
    const second = await node.next("abort", node.joinUrl(bad, digest));
    expect(second.message).toBe(first.message);
    expect(it.origin.gets("/bad")).toHaveLength(1);
    const answer = await node.next("task", node.joinUrl(good, digest));
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
  });

  it("are found at their first piece when the content was proven before and then evicted", async () => {
    await using it = await world({ diskQuota: 3 * MIB });
    const content = seededBytes("proof", 2 * MIB);
    const digest = bytesDigest(content);
    const other = seededBytes("other", 2 * MIB);
    const node = await it.node();
    const first = node.joinUrl(it.origin.serve("/b", { content }), digest);
    await node.fetchAll(first);
    node.send({ kind: "leave", task: first });
    const otherNumber = node.joinUrl(it.origin.serve("/o", { content: other }), bytesDigest(other));
    await node.fetchAll(otherNumber);
    node.send({ kind: "leave", task: otherNumber });
    const spoilt = it.origin.serve("/spoilt", { content, faults: { corruptAtByte: 600 * KIB } });
    const abort = await node.next("abort", node.joinUrl(spoilt, digest));
    expect(abort).toMatchObject({ code: "DIGEST_MISMATCH", discard: true });
    expect(abort.message).toContain("piece 2 of");
    const again = await node.fetchAll(node.joinUrl(it.origin.serve("/b2", { content }), digest));
    expect(again.content.equals(content)).toBe(true);
  });
});

describe("an origin that refuses", () => {
  it.each([
    [401, "ORIGIN_UNAUTHORIZED"],
    [403, "ORIGIN_DENIED"],
    [404, "ORIGIN_NOT_FOUND"],
    [500, "ORIGIN_FAILED"],
  ])("with %i ends the task with %s, and a later join asks again", async (status, code) => {
    await using it = await world();
    const content = seededBytes("refused", 1000);
    const digest = bytesDigest(content);
    const node = await it.node();
    const url = it.origin.serve("/b", { content, faults: { status } });
    for (const taskId of [digest, undefined]) {
      const abort = await node.next("abort", node.joinUrl(url, taskId));
      expect(abort).toMatchObject({ code, originStatus: status, discard: false });
    }
    it.origin.serve("/b", { content });
    const answer = await node.next("task", node.joinUrl(url, digest));
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
  });

  it("one caller is asked for another caller, each with his own headers", async () => {
    await using it = await world();
    const content = seededBytes("callers", 500 * KIB);
    const digest = bytesDigest(content);
    const refused = it.origin.serve("/refused", {
      content,
      faults: { status: 401, firstByteDelayMs: 200 },
    });
    const granted = it.origin.serve("/granted", { content });
    const [first, second] = [await it.node(), await it.node()];
    const firstNumber = first.joinUrl(refused, digest, { authorization: "Bearer bad" });
    const secondNumber = second.joinUrl(granted, digest, { authorization: "Bearer good" });
    const fetched = await second.fetchAll(secondNumber);
    expect(fetched.content.equals(content)).toBe(true);
    const abort = await first.next("abort", firstNumber);
    expect(abort.code).toBe("ORIGIN_UNAUTHORIZED");
    expect(it.origin.gets("/granted")[0]?.headers["authorization"]).toBe("Bearer good");
  });

  it("because it is not there is told quickly", async () => {
    await using it = await world();
    const node = await it.node();
    const abort = await node.next("abort", node.joinUrl("http://127.0.0.1:1/x?token=secret"));
    expect(abort.code).toBe("ORIGIN_UNREACHABLE");
    expect(abort.message).not.toContain("secret");
  });

  it("is not asked at all where its address is not allowed", async () => {
    await using it = await world({ allowOrigin: [] });
    const content = seededBytes("gate", 1000);
    const node = await it.node();
    const url = it.origin.serve("/b", { content });
    for (const taskId of [bytesDigest(content), undefined]) {
      const abort = await node.next("abort", node.joinUrl(url, taskId));
      expect(abort.code).toBe("ORIGIN_FORBIDDEN");
      expect(abort.message).toContain("--allow-origin");
    }
    expect(it.origin.requests).toHaveLength(0);
  });

  it("names nothing without an origin", async () => {
    await using it = await world();
    const node = await it.node();
    const abort = await node.next("abort", node.join({ taskId: `sha256:${"0".repeat(64)}` }));
    expect(abort.code).toBe("NOT_FOUND");
  });
});

describe("a supernode that was started again", () => {
  it("hands out what it has without asking the origin", async () => {
    await using it = await world();
    const content = seededBytes("restart", MIB);
    const digest = bytesDigest(content);
    const url = it.origin.serve("/b", { content });
    const before = await it.node();
    await before.fetchAll(before.joinUrl(url, digest));
    await it.restart();
    const after = await it.node();
    const fetched = await after.fetchAll(after.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(it.origin.requests).toHaveLength(1);
  });

  it.each([
    ["the same", '"1"', "bytes=524288-"],
    ["another", '"2"', undefined],
  ])("goes on with what it has when the origin has %s version", async (_name, etag, range) => {
    await using it = await world();
    const content = seededBytes("partial", 2 * MIB);
    const digest = bytesDigest(content);
    const faults = { cutAtByte: 600_000 };
    const url = it.origin.serve("/b", { content, etag: '"1"', faults });
    const before = await it.node();
    before.joinUrl(url, digest);
    await until(
      () => before.frames.some((frame) => frame.kind === "offer" && frame.pieces.includes(1)),
      {
        what: "the second piece",
        timeoutMs: 5000,
      },
    );
    await it.restart();
    it.origin.requests.splice(0);
    it.origin.serve("/b", { content, etag });
    const after = await it.node();
    const fetched = await after.fetchAll(after.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(it.origin.gets("/b").at(-1)?.headers["range"]).toBe(range);
  });
});

describe("a task that all have left", () => {
  it("is read no longer after a while, and goes on from there when somebody comes", async () => {
    await using it = await world({}, { times: { abandonMs: 50 } });
    const content = seededBytes("left", 2 * MIB);
    const digest = bytesDigest(content);
    const url = it.origin.serve("/b", {
      content,
      etag: '"1"',
      faults: { rateBytesPerSecond: 1_000_000 },
    });
    const node = await it.node();
    const number = node.joinUrl(url, digest);
    await node.next("offer", number);
    await node.next("offer", number);
    node.send({ kind: "leave", task: number });
    await until(() => it.origin.requests[0]?.hasEnded === true, {
      what: "the origin to be left alone",
      timeoutMs: 3000,
    });
    expect(it.origin.requests[0]!.bytesSent).toBeLessThan(content.length);
    const fetched = await node.fetchAll(node.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(it.origin.gets("/b")[1]?.headers["range"]).toMatch(/^bytes=[1-9]/);
  });
});

describe("nodes that hold pieces", () => {
  it("and have the whole cause no request, and serve those who come", async () => {
    await using it = await world();
    const content = seededBytes("holders", MIB);
    const digest = bytesDigest(content);
    const url = it.origin.serve("/b", { content });
    const [holder, asker] = [await it.node(), await it.node()];
    const holderNumber = holder.join({
      taskId: digest,
      origin: { url, headers: [] },
      holding: { pieceLengthBytes: 256 * KIB, lengthBytes: MIB, have: Uint8Array.of(0x0f) },
    });
    expect(await holder.next("task", holderNumber)).toMatchObject({ lengthBytes: MIB });
    const askerNumber = asker.joinUrl(url, digest);
    const answer = await asker.next("task", askerNumber);
    expect(answer.neighbours.map(({ nodeId }) => nodeId)).toEqual([holder.nodeId]);
    expect(it.origin.requests).toHaveLength(0);
    asker.send({ kind: "starve", task: askerNumber });
    await asker.next("proven", askerNumber);
    expect(it.origin.requests).toHaveLength(1);
  });

  it("but not all of them let the origin be read after a short wait for others", async () => {
    await using it = await world({}, { times: { reconnectMs: 30 } });
    const content = seededBytes("some", MIB);
    const node = await it.node();
    const number = node.join({
      taskId: bytesDigest(content),
      origin: { url: it.origin.serve("/b", { content }), headers: [] },
      holding: { pieceLengthBytes: 256 * KIB, lengthBytes: MIB, have: Uint8Array.of(0x03) },
    });
    await node.next("proven", number);
    expect(it.origin.requests).toHaveLength(1);
  });
});
