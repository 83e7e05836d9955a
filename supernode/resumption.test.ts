import { describe, expect, it } from "vitest";

import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { parseCertificate } from "../protocol/piece-certificate.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("a supernode that was started again", () => {
  it("hands out what it has without asking the origin", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("restart", MIB);
    const digest = bytesDigest(content);
    const url = origin.serve("/b", { content });
    const before = await it.node();
    await before.fetchAll(before.joinUrl(url, digest));
    await it.restart();
    const after = await it.node();
    const fetched = await after.fetchAll(after.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(origin.requests).toHaveLength(1);
  });

  it.each([
    ["the same", '"1"', "bytes=524288-"],
    ["another", '"2"', undefined],
  ])("goes on with what it has when the origin has %s version", async (_name, etag, range) => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("partial", 2 * MIB);
    const digest = bytesDigest(content);
    const faults = { cutAtByte: 600_000 };
    const url = origin.serve("/b", { content, etag: '"1"', faults });
    const before = await it.node();
    before.joinUrl(url, digest);
    await until(
      () => before.frames.some((frame) => frame.kind === "offer" && frame.pieces.includes(1)),
      {
        what: "the second piece",
      },
    );
    await it.restart();
    origin.requests.splice(0);
    origin.serve("/b", { content, etag });
    const after = await it.node();
    const fetched = await after.fetchAll(after.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(origin.gets("/b").at(-1)?.headers["range"]).toBe(range);
  });
});

describe("a task that all have left", () => {
  it("is read no longer after a while, and goes on from there when somebody comes", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({}, { times: { abandonMs: 50 } });
    const content = seededBytes("left", 2 * MIB);
    const digest = bytesDigest(content);
    const held = { content, etag: '"1"', faults: { holdAtByte: () => MIB } };
    const url = origin.serve("/b", held);
    const node = await it.node();
    const number = node.joinUrl(url, digest);
    await node.next("offer", number);
    await node.next("offer", number);
    node.send({ kind: "leave", task: number });
    await until(() => origin.requests[0]?.hasEnded === true, {
      what: "the origin to be left alone",
    });
    expect(origin.requests[0]!.bytesSent).toBeLessThan(content.length);
    origin.serve("/b", { content, etag: '"1"' });
    const fetched = await node.fetchAll(node.joinUrl(url, digest));
    expect(fetched.content.equals(content)).toBe(true);
    expect(origin.gets("/b")[1]?.headers["range"]).toMatch(/^bytes=[1-9]/);
  });
});

async function certificateKind(authority: string, taskId: string, piece: number): Promise<unknown> {
  const answer = await fetch(`http://${authority}/pieces/${taskId}/${piece}`, { method: "HEAD" });
  const bytes = Buffer.from(answer.headers.get("darter-piece") ?? "", "base64url");
  return parseCertificate(new Uint8Array(bytes))?.kind;
}

describe("nodes that hold pieces", () => {
  it("and have the whole cause no request, and serve those who come", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("holders", MIB);
    const digest = bytesDigest(content);
    const url = origin.serve("/b", { content });
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
    expect(origin.requests).toHaveLength(0);
    asker.send({ kind: "starve", task: askerNumber });
    await asker.next("proven", askerNumber);
    expect(origin.requests).toHaveLength(1);
  });

  it("but not all of them let the rest be read from the origin, after a short wait for others", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({}, { times: { reconnectMs: 30 } });
    const content = seededBytes("some", MIB);
    const node = await it.node();
    const number = node.join({
      taskId: bytesDigest(content),
      origin: { url: origin.serve("/b", { content }), headers: [] },
      holding: { pieceLengthBytes: 256 * KIB, lengthBytes: MIB, have: Uint8Array.of(0x03) },
    });
    const offered = [await node.next("offer", number), await node.next("offer", number)];
    expect(new Set(offered.flatMap(({ pieces }) => pieces))).toEqual(new Set([2, 3]));
    const ranges = (): unknown[] => origin.gets("/b").map(({ headers }) => headers["range"]);
    expect(ranges()).toEqual(["bytes=0-0", "bytes=524288-1048575"]);
    // Nobody has proven the whole, so the last piece must not be taken for the proof of it.
    expect(await certificateKind(it.authority, bytesDigest(content), 2)).toBe("supernode");
    expect(await certificateKind(it.authority, bytesDigest(content), 3)).toBe("node");
    node.send({ kind: "starve", task: number });
    await node.next("proven", number);
    expect(ranges().slice(2)).toEqual(["bytes=0-524287"]);
  });

  it("do not make an origin without ranges send its content once for each gap", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({}, { times: { reconnectMs: 30 } });
    const content = seededBytes("halves", MIB);
    const digest = bytesDigest(content);
    const url = origin.serve("/b", { content, faults: { hasNoRanges: true } });
    const node = await it.node();
    node.join({
      taskId: digest,
      origin: { url, headers: [] },
      holding: { pieceLengthBytes: 256 * KIB, lengthBytes: MIB, have: Uint8Array.of(0x05) },
    });
    await until(async () => (await it.tasks())[0]?.piecesReady === 3, {
      what: "all from the first gap on",
      timeoutMs: 5000,
    });
    expect(origin.requests.map(({ headers }) => headers["range"])).toEqual([
      "bytes=0-0",
      "bytes=262144-524287",
    ]);
  });

  it("that the supernode has evicted serve them, and are not waited for when they do not", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({ diskQuota: 3 * MIB });
    const content = seededBytes("evicted", 2 * MIB);
    const other = seededBytes("evicting", 2 * MIB);
    const digest = bytesDigest(content);
    const url = origin.serve("/b", { content });
    const [holder, asker] = [await it.node(), await it.node()];
    await holder.fetchAll(holder.joinUrl(url, digest));
    const otherUrl = origin.serve("/o", { content: other });
    const otherNumber = holder.joinUrl(otherUrl, bytesDigest(other));
    await holder.fetchAll(otherNumber);
    await expect(holder.fetchPiece(digest, 0)).rejects.toThrow("404");
    origin.requests.splice(0);
    const number = asker.joinUrl(url, digest);
    const answer = await asker.next("task", number);
    expect(answer.neighbours.map(({ nodeId }) => nodeId)).toEqual([holder.nodeId]);
    expect(origin.requests).toHaveLength(0);
    asker.send({ kind: "starve", task: number });
    await asker.next("proven", number);
    expect(origin.requests).toHaveLength(1);
  });
});
