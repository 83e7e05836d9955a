import { describe, expect, it } from "vitest";

import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("wrong bytes", () => {
  it("abort the task for all, name both digests, and the last piece is never handed out", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("wrong", MIB);
    const digest = bytesDigest(content);
    const url = origin.serve("/b", { content, faults: { corruptAtByte: 10 } });
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
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("memory", 100 * KIB);
    const digest = bytesDigest(content);
    const bad = origin.serve("/bad", { content, faults: { corruptAtByte: 10 } });
    const good = origin.serve("/good", { content });
    const node = await it.node();
    const first = await node.next("abort", node.joinUrl(bad, digest));
    const second = await node.next("abort", node.joinUrl(bad, digest));
    expect(second.message).toBe(first.message);
    expect(origin.gets("/bad")).toHaveLength(1);
    const answer = await node.next("task", node.joinUrl(good, digest));
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
  });

  it("are found at their first piece when the content was proven before and then evicted", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({ diskQuota: 3 * MIB });
    const content = seededBytes("proof", 2 * MIB);
    const digest = bytesDigest(content);
    const other = seededBytes("other", 2 * MIB);
    const node = await it.node();
    const first = node.joinUrl(origin.serve("/b", { content }), digest);
    await node.fetchAll(first);
    node.send({ kind: "leave", task: first });
    const otherNumber = node.joinUrl(origin.serve("/o", { content: other }), bytesDigest(other));
    await node.fetchAll(otherNumber);
    node.send({ kind: "leave", task: otherNumber });
    const spoilt = origin.serve("/spoilt", { content, faults: { corruptAtByte: 600 * KIB } });
    const abort = await node.next("abort", node.joinUrl(spoilt, digest));
    expect(abort).toMatchObject({ code: "DIGEST_MISMATCH", discard: true });
    expect(abort.message).toContain("piece 2 of");
    const again = await node.fetchAll(node.joinUrl(origin.serve("/b2", { content }), digest));
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
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("refused", 1000);
    const digest = bytesDigest(content);
    const node = await it.node();
    const url = origin.serve("/b", { content, faults: { status } });
    for (const taskId of [digest, undefined]) {
      const abort = await node.next("abort", node.joinUrl(url, taskId));
      expect(abort).toMatchObject({ code, originStatus: status, discard: false });
    }
    origin.serve("/b", { content });
    const answer = await node.next("task", node.joinUrl(url, digest));
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
  });

  it("one caller is asked for another caller, each with his own headers", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("callers", 500 * KIB);
    const digest = bytesDigest(content);
    const refused = origin.serve("/refused", {
      content,
      faults: { status: 401, firstByteDelayMs: 200 },
    });
    const granted = origin.serve("/granted", { content });
    const [first, second] = [await it.node(), await it.node()];
    const firstNumber = first.joinUrl(refused, digest, { authorization: "Bearer bad" });
    const secondNumber = second.joinUrl(granted, digest, { authorization: "Bearer good" });
    const fetched = await second.fetchAll(secondNumber);
    expect(fetched.content.equals(content)).toBe(true);
    const abort = await first.next("abort", firstNumber);
    expect(abort.code).toBe("ORIGIN_UNAUTHORIZED");
    expect(origin.gets("/granted")[0]?.headers["authorization"]).toBe("Bearer good");
  });

  it("because it is not there is told quickly", async () => {
    await using it = await ScriptedSupernode.start();
    const node = await it.node();
    const abort = await node.next("abort", node.joinUrl("http://127.0.0.1:1/x?token=secret"));
    expect(abort.code).toBe("ORIGIN_UNREACHABLE");
    expect(abort.message).not.toContain("secret");
  });

  it("is not asked at all where its address is not allowed", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({ allowOrigin: [] });
    const content = seededBytes("gate", 1000);
    const node = await it.node();
    const url = origin.serve("/b", { content });
    for (const taskId of [bytesDigest(content), undefined]) {
      const abort = await node.next("abort", node.joinUrl(url, taskId));
      expect(abort.code).toBe("ORIGIN_FORBIDDEN");
      expect(abort.message).toContain("--allow-origin");
    }
    expect(origin.requests).toHaveLength(0);
  });

  it("is left to the nodes where the supernode has no room", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({ diskQuota: MIB });
    const content = seededBytes("full", 2 * MIB);
    const node = await it.node();
    const url = origin.serve("/b", { content });
    const abort = await node.next("abort", node.joinUrl(url, bytesDigest(content)));
    expect(abort).toMatchObject({ code: "STORAGE_FULL", discard: false });
    expect(abort.message).toContain("--disk-quota");
  });

  it("names nothing without an origin", async () => {
    await using it = await ScriptedSupernode.start();
    const node = await it.node();
    const abort = await node.next("abort", node.join({ taskId: `sha256:${"0".repeat(64)}` }));
    expect(abort.code).toBe("NOT_FOUND");
  });
});
