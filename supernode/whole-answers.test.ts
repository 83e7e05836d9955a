import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { seededBytes } from "../test/harness/seeded-bytes.ts";
import { pieceCount } from "../protocol/piece-table.ts";
import { WHOLE_LENGTH_BYTES_MAX } from "../protocol/limits.ts";
import type { ScriptedNode } from "./scripted-node.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";
import { WHOLE_MEMBERS_MAX } from "./tasks/task-answers.ts";

let stack: AsyncDisposableStack;
let supernode: ScriptedSupernode;
let url: string;
let content: Buffer;
let isSlow: boolean;
let finish: () => void;
let gets: number;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  supernode = stack.use(await ScriptedSupernode.start({ diskQuota: 1_000_000 }));
  content = seededBytes("whole answers", 700_000);
  isSlow = false;
  gets = 0;
  const server = createServer((request, response) => {
    if (request.method === "GET") gets += 1;
    response.writeHead(200, { "content-length": content.length, etag: '"1"' });
    if (request.method === "HEAD") response.end();
    else if (isSlow) {
      response.write(content.subarray(0, 300_000));
      finish = () => response.end(content.subarray(300_000));
    } else response.end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});

afterEach(async () => await stack.disposeAsync());

function joinWhole(node: ScriptedNode, wholeBytesMax = WHOLE_LENGTH_BYTES_MAX): number {
  return node.join({ origin: { url, headers: [] }, wholeBytesMax });
}

describe("a file of several pieces for a node that takes as much whole", () => {
  it("comes with the answer and its certificates, to a few nodes, once from the origin", async () => {
    const nodes = await Promise.all(
      Array.from({ length: WHOLE_MEMBERS_MAX }, async () => await supernode.node()),
    );
    const answers = await Promise.all(
      nodes.map(async (node) => await node.next("task", joinWhole(node))),
    );
    for (const answer of answers) {
      expect(content.equals(answer.content!)).toBe(true);
      const count = pieceCount(content.length, answer.pieceLengthBytes);
      expect([count, answer.certificate?.length, answer.otherCertificates?.length]).toEqual([
        3, 97, 2,
      ]);
    }
    const more = await supernode.node();
    const number = joinWhole(more);
    const answer = await more.next("task", number);
    expect([answer.lengthBytes, answer.content]).toEqual([content.length, undefined]);
    expect((await more.next("offer", number)).pieces).toEqual([0]);
    // The others need its file no more, but this one does: there is no room for another.
    const refused = more.join({ origin: { url: `${url}/other`, headers: [] } });
    expect(await more.next("abort", refused)).toMatchObject({ code: "STORAGE_FULL" });
    expect(await more.fetchPiece(answer.taskId, 2)).toHaveLength(content.length - 512 * 1024);
    expect(gets).toBe(2);
  });

  it("does not come so to others, nor when it is longer than the node takes", async () => {
    const node = await supernode.node();
    expect((await node.next("task", joinWhole(node))).content).toHaveLength(content.length);
    for (const limit of [undefined, content.length - 1]) {
      const other = await supernode.node();
      const number = limit === undefined ? other.joinUrl(url) : joinWhole(other, limit);
      expect((await other.next("task", number)).content).toBeUndefined();
    }
  });

  it("is fetched in pieces by whoever asks again because it is slow in coming", async () => {
    isSlow = true;
    const node = await supernode.node();
    joinWhole(node);
    const number = node.joinUrl(url);
    expect((await node.next("task", number)).content).toBeUndefined();
    expect((await node.next("offer", number)).pieces).toEqual([0]);
    expect(gets).toBe(1);
  });

  it("does not pass for held by who fetches it in pieces and has no use for what comes too late", async () => {
    isSlow = true;
    const node = await supernode.node();
    const late = joinWhole(node);
    const number = node.joinUrl(url);
    const { taskId } = await node.next("task", number);
    isSlow = false;
    finish();
    expect((await node.next("task", late)).content).toHaveLength(content.length);
    node.send({ kind: "leave", task: late });
    // There is room for one of them alone.
    const other = await supernode.node();
    const refused = other.join({ origin: { url: `${url}/other`, headers: [] } });
    expect(await other.next("abort", refused)).toMatchObject({ code: "STORAGE_FULL" });
    expect(await node.fetchPiece(taskId, 2)).toHaveLength(content.length - 512 * 1024);
  });
});
