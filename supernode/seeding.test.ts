import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("a task with a digest", () => {
  it("is read once for all who ask, and each piece is handed out with its certificate", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("three", 3 * MIB + 17);
    const digest = bytesDigest(content);
    const url = origin.serve("/blob", { content });
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
    expect(origin.requests).toHaveLength(1);
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
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("offers", 2 * MIB);
    const digest = bytesDigest(content);
    const node = await it.node();
    const number = node.joinUrl(origin.serve("/blob", { content }), digest);
    const fetched = await node.fetchAll(number);
    expect(fetched.content.equals(content)).toBe(true);
    await until(async () => (await it.tasks())[0]?.seedBytes === content.length, {
      what: "the bytes sent to be counted",
    });
  });

  it.each([1, 1000, 256 * KIB])(
    "of %i bytes travels inside the answer, for one request",
    async (lengthBytes) => {
      await using origin = await FaultyOrigin.start();
      await using it = await ScriptedSupernode.start();
      const content = seededBytes("small", lengthBytes);
      const digest = bytesDigest(content);
      const url = origin.serve("/blob", { content });
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
      expect(origin.requests).toHaveLength(1);
    },
  );

  it("that is short and was asked for a moment ago is given from memory, also when its file is gone", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("short", 5000);
    const digest = bytesDigest(content);
    const url = origin.serve("/blob", { content });
    const [first, second] = await Promise.all([it.node(), it.node()]);
    await first.next("proven", first.joinUrl(url, digest));
    await rm(join(it.dataDir, "tasks"), { recursive: true });
    const answer = await second.next("task", second.joinUrl(url, digest));
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
    second.checkPiece(digest, 0, answer.content!, answer.certificate!);
    expect(origin.requests).toHaveLength(1);
  });

  it("of 256 KiB and one byte is two pieces", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("two", 256 * KIB + 1);
    const node = await it.node();
    const number = node.joinUrl(origin.serve("/b", { content }), bytesDigest(content));
    const { task, content: fetched } = await node.fetchAll(number);
    expect(task.content).toBeUndefined();
    expect(fetched.equals(content)).toBe(true);
  });

  it("that is empty has no pieces and is proven", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const digest = bytesDigest(Buffer.alloc(0));
    const node = await it.node();
    const number = node.joinUrl(origin.serve("/b", { content: Buffer.alloc(0) }), digest);
    expect(await node.next("task", number)).toMatchObject({ lengthBytes: 0 });
    await node.next("proven", number);
  });

  it.each([
    ["empty", 0],
    ["one byte", 1],
    ["one piece", MIB],
    ["two pieces and a byte", 2 * MIB + 1],
  ])("of unknown length (%s) tells the length at the end", async (name, lengthBytes) => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes(name, lengthBytes);
    const url = origin.serve("/b", { content, faults: { isChunked: true } });
    const node = await it.node();
    const number = node.joinUrl(url, bytesDigest(content));
    const fetched = await node.fetchAll(number);
    expect(fetched.task.lengthBytes).toBeUndefined();
    expect(fetched.task.pieceLengthBytes).toBe(MIB);
    expect(fetched.content.equals(content)).toBe(true);
    expect(await node.next("proven", number)).toBeDefined();
  });

  it("takes the piece length that the first caller asks for", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("asked", 2 * MIB);
    const url = origin.serve("/b", { content });
    const node = await it.node();
    const number = node.join({
      taskId: bytesDigest(content),
      origin: { url, headers: [] },
      pieceLengthBytes: MIB,
    });
    expect((await node.next("task", number)).pieceLengthBytes).toBe(MIB);
  });

  it("goes on by Range where the origin was cut", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("cut", 2 * MIB);
    const url = origin.serve("/b", {
      content,
      etag: '"1"',
      faults: { cutAtByte: 700_000, cutCount: 1 },
    });
    const node = await it.node();
    const fetched = await node.fetchAll(node.joinUrl(url, bytesDigest(content)));
    expect(fetched.content.equals(content)).toBe(true);
    expect(origin.gets("/b").map(({ headers }) => headers["range"])).toEqual([
      undefined,
      "bytes=700000-",
    ]);
    expect((await it.tasks())[0]).toMatchObject({ originRequests: 2, originBytes: content.length });
  });
});
