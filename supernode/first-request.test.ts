import { describe, expect, it } from "vitest";

import { urlTaskId } from "../platform/digest-check.ts";
import { Bitmap } from "../protocol/bitmap.ts";
import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import type { OriginFaults } from "../test/harness/origin-faults.ts";
import { seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const KIB = 1024;
const CONTENT = seededBytes("first request", 700 * KIB);
/** An answer that has begun and does not end. */
const HELD: OriginFaults = { holdAtByte: () => 300 * KIB };
const FILTER = { filteredQueryParameters: ["sig"], tag: "" };

/** One supernode and an origin that has a file, in a version, under each of its paths. */
async function world(config: Parameters<typeof ScriptedSupernode.start>[0] = {}) {
  const stack = new AsyncDisposableStack();
  const origin = stack.use(await FaultyOrigin.start());
  const supernode = stack.use(await ScriptedSupernode.start(config, { times: { abandonMs: 50 } }));
  return {
    origin,
    supernode,
    serve: (path: string, faults: OriginFaults = {}, etag = '"1"') =>
      origin.serve(path, { content: CONTENT, etag, faults }),
    /** What the origin was asked, a line for each request. */
    get asked(): string[] {
      return origin.requests.map(({ method, path }) => `${method} ${path}`);
    },
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

/** What a node joins with that holds the whole file. */
function wholeOf(url: string) {
  const version = { url, headers: new Map<string, string>(), validator: 'etag "1"' };
  const taskId = urlTaskId({ ...version, filteredQueryParameters: [], tag: "" });
  const have = Bitmap.full(3).toBytes();
  return { taskId, holding: { pieceLengthBytes: 256 * KIB, lengthBytes: CONTENT.length, have } };
}

describe("a file that nobody knows", () => {
  it("is found and read by one GET", async () => {
    await using it = await world();
    const node = await it.supernode.node();
    const { content } = await node.fetchAll(node.joinUrl(it.serve("/f")));
    expect(content.equals(CONTENT)).toBe(true);
    expect(it.asked).toEqual(["GET /f"]);
    expect((await it.supernode.tasks())[0]).toMatchObject({ originRequests: 1 });
  });

  it("is read on from where the first answer broke off, under its version", async () => {
    await using it = await world();
    const url = it.serve("/f", { cutAtByte: 300_000, cutCount: 1 });
    const node = await it.supernode.node();
    const { content } = await node.fetchAll(node.joinUrl(url));
    expect(content.equals(CONTENT)).toBe(true);
    expect(it.asked).toEqual(["GET /f", "GET /f"]);
    const { headers } = it.origin.requests[1]!;
    expect([headers["range"], headers["if-range"]]).toEqual(["bytes=300000-", '"1"']);
  });

  it.each([401, 403, 404, 503])("that is refused by %i is refused by that", async (status) => {
    await using it = await world();
    const node = await it.supernode.node();
    const refused = await node.next("abort", node.joinUrl(it.serve("/f", { status })));
    expect(refused).toMatchObject({ originStatus: status });
    expect(refused.message).toContain(`${status}`);
    expect(it.asked).not.toContain("HEAD /f");
  });

  it.each([
    ["of which a node may hold some", { mayHold: true }],
    ["of which a node wants parts", { isPart: true }],
  ])("%s is asked for by HEAD", async (_name, fields) => {
    await using it = await world();
    const node = await it.supernode.node();
    const origin = { url: it.serve("/f"), headers: [] };
    await node.next("task", node.join({ origin, ...fields }));
    expect(it.asked[0]).toBe("HEAD /f");
  });

  it("is asked for by HEAD while it would wait for others to be read", async () => {
    await using it = await world({ seedSlots: 1 });
    const node = await it.supernode.node();
    await node.next("task", node.joinUrl(it.serve("/slow", HELD)));
    node.joinUrl(it.serve("/f"));
    await until(() => it.asked.length === 2, { what: "the second file to be asked for" });
    expect(it.asked).toEqual(["GET /slow", "HEAD /f"]);
  });
});

describe("a file that is known", () => {
  it("only to nodes, as after they lost another supernode, is asked for by HEAD", async () => {
    await using it = await world();
    const [holder, asker] = [await it.supernode.node(), await it.supernode.node()];
    const url = it.serve("/f");
    const number = holder.join(wholeOf(url));
    const { taskId } = await holder.next("task", number);
    expect((await asker.next("task", asker.joinUrl(url))).taskId).toBe(taskId);
    expect(it.asked).toEqual(["HEAD /f"]);
    await asker.next("task", asker.joinUrl(it.serve("/other")));
    expect(it.asked).toEqual(["HEAD /f", "GET /other"]);
  });

  it("is asked for by HEAD under addresses that differ by what does not count", async () => {
    await using it = await world();
    const node = await it.supernode.node();
    const join = (path: string): number =>
      node.join({ origin: { url: it.serve(path), headers: [] }, identity: FILTER });
    const first = await node.fetchAll(join("/f?sig=1"));
    const second = await node.next("task", join("/f?sig=2"));
    expect(second.taskId).toBe(first.task.taskId);
    expect(it.asked).toEqual(["GET /f?sig=1", "HEAD /f?sig=2"]);
  });

  it("is asked for by HEAD after the supernode was started again", async () => {
    await using it = await world();
    const before = await it.supernode.node();
    const { task } = await before.fetchAll(before.joinUrl(it.serve("/f")));
    await it.supernode.restart();
    const after = await it.supernode.node();
    const { taskId } = await after.next("task", after.joinUrl(`${it.origin.url}/f`));
    expect(taskId).toBe(task.taskId);
    expect(it.asked).toEqual(["GET /f", "HEAD /f"]);
  });

  it("is asked for by GET again where the origin names no version", async () => {
    await using it = await world();
    const node = await it.supernode.node();
    const url = it.origin.serve("/f", { content: CONTENT });
    for (let round = 0; round < 2; round++) await node.fetchAll(node.joinUrl(url));
    expect(it.asked).toEqual(["GET /f", "GET /f"]);
  });
});

describe("an answer that was opened and is not needed", () => {
  it("is ended where another one brings the same file", async () => {
    await using it = await world();
    const [a, b] = [await it.supernode.node(), await it.supernode.node()];
    const join = (node: typeof a, path: string): number =>
      node.join({ origin: { url: it.serve(path, HELD), headers: [] }, identity: FILTER });
    const [first, second] = [join(a, "/f?sig=1"), join(b, "/f?sig=2")];
    await Promise.all([a.next("task", first), b.next("task", second)]);
    await until(() => it.origin.requests.filter(({ hasEnded }) => hasEnded).length === 1, {
      what: "one of the two to be ended",
    });
    expect(it.asked.sort()).toEqual(["GET /f?sig=1", "GET /f?sig=2"]);
  });

  it("is ended where nodes hold the whole", async () => {
    await using it = await world();
    const [holder, asker] = [await it.supernode.node(), await it.supernode.node()];
    const url = it.serve("/f", HELD);
    const { taskId } = await holder.next("task", holder.join(wholeOf(url)));
    const first = asker.join({ origin: { url, headers: [] }, answerAgeMs: 0 });
    expect((await asker.next("task", first)).taskId).toBe(taskId);
    await until(() => it.origin.requests[0]?.hasEnded === true, { what: "the answer to be ended" });
    expect(it.asked).toEqual(["GET /f"]);
  });

  it("is ended where the node has left", async () => {
    await using it = await world();
    const node = await it.supernode.node();
    node.joinUrl(it.serve("/f", HELD));
    await until(() => it.asked.length === 1, { what: "the origin to be asked" });
    await node[Symbol.asyncDispose]();
    await until(() => it.origin.requests[0]?.hasEnded === true, { what: "the answer to be ended" });
  });
});
