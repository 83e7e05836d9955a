import { describe, expect, it } from "vitest";

import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import type { OriginFaults } from "../test/harness/origin-faults.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import type { ScriptedNode } from "./scripted-node.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const MIB = 1024 * 1024;
const ALL_EIGHT = { pieceLengthBytes: MIB / 4, lengthBytes: 2 * MIB - 1000 };

async function offers(node: ScriptedNode, task: number, count: number): Promise<Set<number>> {
  const offered = new Set<number>();
  while (offered.size < count)
    for (const piece of (await node.next("offer", task)).pieces) offered.add(piece);
  return offered;
}

async function stage(faults: OriginFaults = {}) {
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await FaultyOrigin.start());
  // Who waited for nodes to come back would wait for ever.
  const tuning = { times: { reconnectMs: 600_000 } };
  const it = stack.use(await ScriptedSupernode.start({}, tuning));
  const content = seededBytes("parts", 2 * MIB - 1000);
  const taskId = bytesDigest(content);
  const url = origin.serve("/b", { content, faults });
  const node = await it.node();
  const task = node.join({ taskId, origin: { url, headers: [] }, isPart: true });
  const want = (...pieces: number[]): void =>
    node.send({ kind: "want", task, pieces, isAgain: false, isWhole: false });
  const ranges = (): unknown[] => origin.gets("/b").map(({ headers }) => headers["range"]);
  expect(await node.next("task", task)).toMatchObject({ lengthBytes: content.length });
  const rest = stack.move();
  const dispose = { [Symbol.asyncDispose]: async () => await rest.disposeAsync() };
  return { origin, it, content, taskId, url, node, task, want, ranges, ...dispose };
}

describe("a node that reads parts of a task", () => {
  it("gets what it wants, the last piece too, and the origin is asked for nothing else", async () => {
    await using on = await stage();
    const { node, task, taskId, content } = on;
    expect(on.ranges()).toEqual(["bytes=0-0"]);
    on.want(2, 7, 3);
    const offered: number[] = [];
    while (offered.length < 3) offered.push(...(await node.next("offer", task)).pieces);
    expect(new Set(offered)).toEqual(new Set([2, 3, 7]));
    expect(on.ranges().slice(1)).toEqual([
      "bytes=524288-1048575",
      `bytes=1835008-${content.length - 1}`,
    ]);
    const last = await node.fetchPiece(taskId, 7);
    expect(last.equals(content.subarray(1_835_008))).toBe(true);
  });

  it("is told of others who read parts, and they of what it wants nothing", async () => {
    await using on = await stage();
    const other = await on.it.node();
    const origin = { url: on.url, headers: [] };
    const number = other.join({ taskId: on.taskId, origin, isPart: true });
    const { neighbours } = await other.next("task", number);
    expect(neighbours.map(({ nodeId }) => nodeId)).toEqual([on.node.nodeId]);
    on.want(1);
    await on.node.next("offer", on.task);
    expect(other.frames.some(({ kind }) => kind === "offer")).toBe(false);
    expect(on.ranges()).toHaveLength(2);
  });

  it("gets all of it, and no byte comes twice from the origin, when it wants the whole", async () => {
    await using on = await stage();
    on.want(4);
    await on.node.next("offer", on.task);
    on.node.send({ kind: "want", task: on.task, pieces: [], isAgain: false, isWhole: true });
    await on.node.next("proven", on.task);
    const sent = on.origin.gets("/b").reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    expect(sent).toBe(on.content.length + 1);
    const whole = await on.it.node();
    const fetched = await whole.fetchAll(whole.joinUrl(on.url, on.taskId));
    expect(fetched.content.equals(on.content)).toBe(true);
  });

  it("hears that the origin does not give them", async () => {
    await using on = await stage();
    on.origin.serve("/b", { content: on.content, faults: { status: 404 } });
    on.want(4);
    expect(await on.node.next("abort", on.task)).toMatchObject({ code: "ORIGIN_NOT_FOUND" });
  });

  it("is sent all by an origin without ranges, which is asked once", async () => {
    await using on = await stage({ hasNoRanges: true });
    on.want(6);
    on.want(1);
    on.want(3, 7);
    expect(await offers(on.node, on.task, 4)).toEqual(new Set([1, 3, 6, 7]));
    expect(on.ranges()).toEqual(["bytes=0-0"]);
    const last = await on.node.fetchPiece(on.taskId, 7);
    expect(last.equals(on.content.subarray(1_835_008))).toBe(true);
  });

  it("gets them from the origin that it named itself", async () => {
    await using on = await stage();
    const url = on.origin.serve("/other", { content: on.content });
    const other = await on.it.node();
    const origin = { url, headers: [] };
    const task = other.join({ taskId: on.taskId, origin, isPart: true });
    await other.next("task", task);
    other.send({ kind: "want", task, pieces: [5], isAgain: false, isWhole: false });
    await other.next("offer", task);
    expect(on.origin.gets("/other").map(({ headers }) => headers["range"])).toEqual([
      "bytes=1310720-1572863",
    ]);
    expect(on.ranges()).toHaveLength(1);
  });

  it("gets a piece that a member holds from the origin only when it has asked that one in vain", async () => {
    await using on = await stage();
    const holder = await on.it.node();
    const holding = { ...ALL_EIGHT, have: Uint8Array.of(0xff) };
    await holder.next("task", holder.join({ taskId: on.taskId, holding }));
    on.want(4);
    on.node.send({ kind: "want", task: on.task, pieces: [6], isAgain: true, isWhole: false });
    expect(await offers(on.node, on.task, 1)).toEqual(new Set([6]));
    expect(on.ranges().slice(1)).toEqual(["bytes=1572864-1835007"]);
    const late = await on.it.node();
    const { neighbours } = await late.next("task", late.join({ taskId: on.taskId, isPart: true }));
    expect(neighbours[0]?.nodeId).toBe(holder.nodeId);
  });

  it.each([
    ["says so before it is answered", "want"],
    ["gets nothing although it had said so", "starve"],
  ] as const)("gets all of it when it %s", async (_name, kind) => {
    await using on = await stage();
    const content = seededBytes("late", MIB);
    const taskId = bytesDigest(content);
    let heldAt = kind === "want" ? 0 : Infinity;
    const faults = { holdAtByte: () => heldAt };
    const origin = { url: on.origin.serve("/late", { content, faults }), headers: [] };
    const task = on.node.join({ taskId, origin, isPart: true });
    if (kind === "want") {
      await until(async () => (await on.it.tasks()).length === 2, { what: "the join" });
      on.node.send({ kind, task, pieces: [], isAgain: false, isWhole: true });
      heldAt = Infinity;
    } else {
      await on.node.next("task", task);
      on.node.send({ kind, task });
    }
    await on.node.next("proven", task);
  });

  it.each([
    ["is empty", 0, {}],
    ["is small", 1000, {}],
    ["has a length that nobody tells", MIB, { isChunked: true, hasNoRanges: true }],
  ])("gets all of a content that %s", async (_name, lengthBytes, faults) => {
    await using on = await stage();
    const content = seededBytes("odd", lengthBytes);
    const url = on.origin.serve("/odd", { content, faults });
    const origin = { url, headers: [] };
    const task = on.node.join({ taskId: bytesDigest(content), origin, isPart: true });
    await on.node.next("task", task);
    await on.node.next("proven", task);
  });
});

describe("a node that comes back to the parts of a task", () => {
  it("is answered at once, and gets what the seed has, although the origin is gone", async () => {
    await using on = await stage();
    on.want(2, 3);
    await offers(on.node, on.task, 2);
    await on.it.restart();
    await on.origin[Symbol.asyncDispose]();
    const node = await on.it.node();
    const task = node.join({
      taskId: on.taskId,
      origin: { url: on.url, headers: [] },
      isPart: true,
      holding: { ...ALL_EIGHT, have: Uint8Array.of(0x04) },
    });
    expect(await node.next("task", task)).toMatchObject({ lengthBytes: on.content.length });
    node.send({ kind: "want", task, pieces: [3], isAgain: false, isWhole: false });
    expect(await offers(node, task, 1)).toEqual(new Set([3]));
    expect((await node.fetchPiece(on.taskId, 3)).length).toBe(MIB / 4);
  });

  it("gets what the seed has also where another had told how the content is cut", async () => {
    await using on = await stage();
    on.want(2);
    await offers(on.node, on.task, 1);
    await on.it.restart();
    const [holder, node] = [await on.it.node(), await on.it.node()];
    const holding = { ...ALL_EIGHT, have: Uint8Array.of(0xff) };
    await holder.next("task", holder.join({ taskId: on.taskId, holding }));
    const origin = { url: on.url, headers: [] };
    const task = node.join({ taskId: on.taskId, origin, isPart: true });
    await node.next("task", task);
    node.send({ kind: "want", task, pieces: [2], isAgain: true, isWhole: false });
    expect(await offers(node, task, 1)).toEqual(new Set([2]));
  });
});
