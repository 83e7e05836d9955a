import { describe, expect, it } from "vitest";

import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const CONTENT = seededBytes("small content", 1000);
const DIGEST = bytesDigest(CONTENT);

/** A supernode and an origin with a file of one piece. */
async function world(config: Parameters<typeof ScriptedSupernode.start>[0] = {}) {
  const stack = new AsyncDisposableStack();
  const origin = stack.use(await FaultyOrigin.start());
  const supernode = stack.use(await ScriptedSupernode.start(config));
  const url = origin.serve("/f", { content: CONTENT, etag: '"1"' });
  const close = async (): Promise<void> => await stack.disposeAsync();
  return { origin, supernode, url, [Symbol.asyncDispose]: close };
}

describe("a content of one piece", () => {
  it.each([undefined, DIGEST])("is kept once it was handed out (digest %s)", async (digest) => {
    await using it = await world();
    const [node, other] = [await it.supernode.node(), await it.supernode.node()];
    const { taskId, content } = await node.next("task", node.joinUrl(it.url, digest));
    expect(CONTENT.equals(content!)).toBe(true);
    await until(async () => (await it.supernode.tasks())[0]?.piecesReady === 1, {
      what: "the content to be kept",
    });
    expect(CONTENT.equals(await other.fetchPiece(taskId, 0))).toBe(true);
    await it.supernode.restart();
    const later = await it.supernode.node();
    const again = await later.next("task", later.joinUrl(it.url, digest));
    expect(CONTENT.equals(again.content!)).toBe(true);
    expect(it.origin.gets("/f")).toHaveLength(1);
  });

  it("is handed out also where there is no room to keep it", async () => {
    await using it = await world({ diskQuota: 1 });
    for (let round = 0; round < 2; round++) {
      const node = await it.supernode.node();
      const { content } = await node.next("task", node.joinUrl(it.url));
      expect(CONTENT.equals(content!)).toBe(true);
    }
    expect(it.origin.gets("/f")).toHaveLength(1);
    expect((await it.supernode.tasks())[0]).toMatchObject({ state: "complete", piecesReady: 0 });
  });

  it("that is another one than its digest says is handed out to nobody", async () => {
    await using it = await world();
    const wrong = bytesDigest(Buffer.from("another"));
    const node = await it.supernode.node();
    const refused = await node.next("abort", node.joinUrl(it.url, wrong));
    expect(refused).toMatchObject({ code: "DIGEST_MISMATCH", discard: true });
    expect(node.frames.some(({ kind }) => kind === "task")).toBe(false);
  });

  it("is read to its end where the origin breaks off in it", async () => {
    await using it = await world();
    it.origin.serve("/f", {
      content: CONTENT,
      etag: '"1"',
      faults: { cutAtByte: 300, cutCount: 1 },
    });
    const node = await it.supernode.node();
    const { content } = await node.next("task", node.joinUrl(it.url));
    expect(CONTENT.equals(content!)).toBe(true);
    expect(it.origin.gets("/f").map(({ headers }) => headers["range"])).toEqual([
      undefined,
      "bytes=300-",
    ]);
  });
});
