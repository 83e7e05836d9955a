import { describe, expect, it } from "vitest";

import { scopeOf } from "../platform/origin/registry-content.ts";
import { Bitmap } from "../protocol/bitmap.ts";
import type { Digest } from "../protocol/digest.ts";
import { privateTaskId } from "../protocol/task-id.ts";
import { ADMISSION_HEADER, NODE_HEADER } from "../protocol/version.ts";
import { UpstreamFixture } from "../registry-proxy/upstream-fixture.ts";
import { seededBytes } from "../test/harness/seeded-bytes.ts";
import type { ScriptedNode } from "./scripted-node.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const MIB = 1024 * 1024;
const ALICE = { authorization: "Basic YWxpY2U6c2VjcmV0" };
const BOB = { authorization: "Basic Ym9iOndyb25n" };

/** A registry that gives its content to Alice. */
async function privateRegistry(): Promise<UpstreamFixture> {
  const registry = await UpstreamFixture.start();
  registry.guard = (request, response) => {
    if (request.headers.authorization === ALICE.authorization) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    return true;
  };
  return registry;
}

function place(registry: UpstreamFixture, digest: Digest) {
  const taskId = privateTaskId(digest, scopeOf(registry.url));
  return { taskId, url: `${registry.url}/v2/team/app/blobs/${digest}` };
}

async function askPiece(
  it: ScriptedSupernode,
  taskId: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; lengthBytes: number; code: string | undefined }> {
  const answer = await it.get(`/pieces/${taskId}/0`, { headers });
  const body = Buffer.from(await answer.arrayBuffer());
  const isError = answer.headers.get("content-type")?.includes("json") === true;
  const code = isError ? (JSON.parse(body.toString()) as { code: string }).code : undefined;
  return { status: answer.status, lengthBytes: isError ? 0 : body.length, code };
}

function shown(node: ScriptedNode, admission: Uint8Array): Record<string, string> {
  return {
    [NODE_HEADER]: node.nodeId,
    [ADMISSION_HEADER]: Buffer.from(admission).toString("base64url"),
  };
}

describe("a private task", () => {
  it("is given to a node whose caller the registry gives it to, and to nobody else", async () => {
    await using registry = await privateRegistry();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("private", 2 * MIB);
    const { taskId, url } = place(registry, registry.blob("team/app", content));
    const [alice, bob] = [await supernode.node(), await supernode.node()];
    const number = alice.joinUrl(url, taskId, ALICE);
    const { admission } = await alice.next("task", number);
    await alice.next("proven", number);
    expect(await askPiece(supernode, taskId, shown(alice, admission!))).toMatchObject({
      status: 200,
      lengthBytes: 256 * 1024,
    });

    for (const headers of [
      {},
      { [NODE_HEADER]: alice.nodeId },
      shown(bob, admission!),
      shown(
        alice,
        Uint8Array.from(admission!, (byte, i) => (i === 20 ? byte ^ 1 : byte)),
      ),
    ]) {
      const refusal = { status: 403, lengthBytes: 0, code: "NOT_ADMITTED" };
      expect(await askPiece(supernode, taskId, headers)).toEqual(refusal);
    }
    const refused = await bob.next("abort", bob.joinUrl(url, taskId, BOB));
    expect(refused).toMatchObject({ code: "ORIGIN_UNAUTHORIZED", challenge: 'Basic realm="r"' });
    const anonymous = await bob.next("abort", bob.joinUrl(url, taskId));
    expect(anonymous.code).toBe("ORIGIN_UNAUTHORIZED");
    const bare = await bob.next("abort", bob.join({ taskId }));
    expect(bare.code).toBe("NOT_ADMITTED");
    expect(bob.frames.some(({ kind }) => kind === "task" || kind === "offer")).toBe(false);
  });

  it("is given in parts to who was admitted, and to nobody who only says that he holds it", async () => {
    await using registry = await privateRegistry();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("parts", 2 * MIB);
    const { taskId, url } = place(registry, registry.blob("team/app", content));
    const [alice, bob] = [await supernode.node(), await supernode.node()];
    const origin = { url, headers: [{ name: "authorization", value: ALICE.authorization }] };
    const number = alice.join({ taskId, origin, isPart: true });
    const { admission } = await alice.next("task", number);
    const want = (node: ScriptedNode, task: number, piece: number): void =>
      node.send({ kind: "want", task, pieces: [piece], isAgain: true, isWhole: false });
    const have = Bitmap.full(8).toBytes();
    const holding = { pieceLengthBytes: 256 * 1024, lengthBytes: 2 * MIB, have };
    const claimed = bob.join({ taskId, holding });
    await bob.next("task", claimed);
    want(bob, claimed, 5);
    bob.send({ kind: "want", task: claimed, pieces: [], isAgain: false, isWhole: true });
    bob.send({ kind: "starve", task: claimed });
    want(alice, number, 0);
    expect((await alice.next("offer", number)).pieces).toEqual([0]);
    expect((await askPiece(supernode, taskId, shown(alice, admission!))).status).toBe(200);
    expect((await askPiece(supernode, taskId, shown(bob, admission!))).status).toBe(403);
    expect(bob.frames.some(({ kind }) => kind === "offer")).toBe(false);
    expect((await supernode.tasks())[0]).toMatchObject({ piecesReady: 1 });
  });

  it("is read once for several nodes, each of whose credentials the registry was asked about", async () => {
    await using registry = await privateRegistry();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("once", MIB);
    const { taskId, url } = place(registry, registry.blob("team/app", content));
    const nodes = await Promise.all([supernode.node(), supernode.node(), supernode.node()]);
    const numbers = nodes.map((node) => node.joinUrl(url, taskId, ALICE));
    await Promise.all(nodes.map((node, i) => node.next("proven", numbers[i])));
    const path = new URL(url).pathname;
    expect(registry.lines.filter((line) => line === `GET ${path}`)).toHaveLength(1);
    expect(registry.lines.filter((line) => line === `HEAD ${path}`)).toHaveLength(1);
  });

  it("is another task than the same content that is public", async () => {
    await using registry = await privateRegistry();
    await using open = await UpstreamFixture.start();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("both", MIB);
    const digest = registry.blob("team/app", content);
    open.blob("team/app", content);
    const { taskId, url } = place(registry, digest);
    const [alice, bob] = [await supernode.node(), await supernode.node()];
    await alice.next("proven", alice.joinUrl(url, taskId, ALICE));
    const refused = await bob.next("abort", bob.join({ taskId: digest }));
    expect(refused.code).toBe("NOT_FOUND");
    expect((await askPiece(supernode, digest)).status).toBe(404);
    const openUrl = `${open.url}/v2/team/app/blobs/${digest}`;
    await bob.next("proven", bob.joinUrl(openUrl, digest));
    expect((await askPiece(supernode, digest)).status).toBe(200);
    expect((await askPiece(supernode, taskId)).status).toBe(403);
  });

  it("is not given to a node that names another registry, or another content of the same", async () => {
    await using registry = await privateRegistry();
    await using evil = await UpstreamFixture.start();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("evil", MIB);
    const digest = registry.blob("team/app", content);
    const { taskId, url } = place(registry, digest);
    const alice = await supernode.node();
    await alice.next("proven", alice.joinUrl(url, taskId, ALICE));
    evil.blob("team/app", content);
    registry.on("/v2/team/app/blobs/open", (_request, response) => response.end("yes"));
    const mallory = await supernode.node();
    const { origin } = new URL(url);
    for (const other of [
      `${evil.url}/v2/team/app/blobs/${digest}`,
      `${origin}/v2/`,
      `${origin}/v2/team/app/blobs/open`,
      `${url}?x=1`,
      `${origin}/v2/team/app/blobs/sha256:${"0".repeat(64)}`,
    ]) {
      const refused = await mallory.next("abort", mallory.joinUrl(other, taskId, ALICE));
      expect([other, refused.code]).toEqual([other, "BAD_REQUEST"]);
    }
  });

  it("that is small goes inside the answer only to who was admitted", async () => {
    await using registry = await privateRegistry();
    await using supernode = await ScriptedSupernode.start();
    const { taskId, url } = place(registry, registry.blob("team/app", Buffer.from("a secret")));
    const [alice, liar] = [await supernode.node(), await supernode.node()];
    const answer = await alice.next("task", alice.joinUrl(url, taskId, ALICE));
    expect(Buffer.from(answer.content!).toString()).toBe("a secret");
    const have = Bitmap.full(1).toBytes();
    const holding = { pieceLengthBytes: 256 * 1024, lengthBytes: 8, have };
    const told = await liar.next("task", liar.join({ taskId, holding }));
    expect([told.content, told.admission]).toEqual([undefined, undefined]);
    const some = { ...holding, have: new Bitmap(1).toBytes() };
    const refused = await liar.next("abort", liar.join({ taskId, holding: some }));
    expect(refused.code).toBe("NOT_ADMITTED");
  });

  it("stays with a node that is admitted and comes back, although its credential is over", async () => {
    await using registry = await privateRegistry();
    await using supernode = await ScriptedSupernode.start();
    const content = seededBytes("again", MIB);
    const { taskId, url } = place(registry, registry.blob("team/app", content));
    const alice = await supernode.node();
    const first = alice.joinUrl(url, taskId, ALICE);
    const { admission } = await alice.next("task", first);
    await alice.next("proven", first);
    registry.guard = (_request, response) => {
      response.writeHead(401).end();
      return true;
    };
    const origin = { url, headers: [{ name: "authorization", value: ALICE.authorization }] };
    await supernode.restart();
    const again = await supernode.node({ nodeId: alice.nodeId });
    const number = again.join({ taskId, origin, admission: admission! });
    const renewed = await again.next("task", number);
    expect((await askPiece(supernode, taskId, shown(alice, renewed.admission!))).status).toBe(200);
    again.send({ kind: "renew", task: number, admission: renewed.admission! });
    const later = await again.next("admission", number);
    expect((await askPiece(supernode, taskId, shown(alice, later.admission))).status).toBe(200);
    const other = await supernode.node();
    const refused = await other.next(
      "abort",
      other.join({ taskId, origin, admission: admission! }),
    );
    expect(refused.code).toBe("ORIGIN_UNAUTHORIZED");
  });
});
