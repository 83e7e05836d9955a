import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { SEED, Swarm, type SwarmOptions, type SwarmOut } from "./swarm.ts";

type Call = readonly [name: string, ...args: unknown[]];

/**
 * A swarm with one open task 0 of `pieceCount` pieces, and everything it says. No task counts as small unless
 * the options say so.
 */
function swarmWith(pieceCount: number, have: number[] = [], options: Partial<SwarmOptions> = {}) {
  const calls: Call[] = [];
  const out = new Proxy({} as SwarmOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  const swarm = new Swarm({ smallTaskPieces: 0, ...options }, out, () => 0);
  const opening = { taskKey: 1, pieceCount, pieceLengthBytes: 1024, have: bits(pieceCount, have) };
  swarm.open(0, 0, opening);
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  const takeAll = (): Call[] => calls.splice(0);
  const meet = (nowMs: number, host: number, pieces: number[], free = 6): void => {
    swarm.addNeighbour(nowMs, 0, host, host);
    swarm.onHello(nowMs, host, 0, bits(pieceCount, pieces), free, 0);
  };
  return { swarm, calls, said, takeAll, meet };
}

function bits(length: number, pieces: readonly number[]): Bitmap {
  const map = new Bitmap(length);
  for (const piece of pieces) map.add(piece);
  return map;
}

describe("Swarm", () => {
  it("says hello with what it holds and its free slots when a neighbour is there", () => {
    const { swarm, said } = swarmWith(4, [1, 3]);
    swarm.addNeighbour(5, 0, 7, 70);
    const [hello] = said("hello");
    expect(hello?.slice(1, 3)).toEqual([7, 0]);
    expect(hello?.[3]).toEqual(bits(4, [1, 3]));
    expect(hello?.slice(4, 6)).toEqual([6, 5]);
  });

  it("says hello again, less and less often, to a neighbour that has not been heard", () => {
    const { swarm, said } = swarmWith(4, [1]);
    swarm.addNeighbour(0, 0, 7, 70);
    for (let nowMs = 50; nowMs <= 60_000; nowMs += 50) swarm.tick(nowMs);
    expect(said("hello").map((call) => call[7])).toEqual([false, ...Array(7).fill(true)]);
    const times = said("hello").map((call) => call[5] as number);
    expect(times).toEqual([0, 100, 300, 700, 1500, 3100, 6300, 12_700]);
  });

  it("does so also when it holds everything itself, until the neighbour is heard", () => {
    const { swarm, said } = swarmWith(2, [0, 1]);
    swarm.addNeighbour(0, 0, 7, 70);
    swarm.tick(150);
    swarm.onHello(160, 7, 0, bits(2, []), 6, 0);
    for (let nowMs = 200; nowMs <= 5000; nowMs += 50) swarm.tick(nowMs);
    expect(said("hello")).toHaveLength(2);
    expect(said("grant")).not.toEqual([]);
  });

  it("answers a neighbour that has not heard its hello", () => {
    const { swarm, said } = swarmWith(4, [1]);
    swarm.addNeighbour(0, 0, 7, 70);
    swarm.onHello(10, 7, 0, bits(4, []), 6, 0);
    swarm.onHello(500, 7, 0, bits(4, []), 6, 0);
    expect(said("hello")).toHaveLength(1);
    swarm.onHello(600, 7, 0, bits(4, []), 6, 0, undefined, true);
    expect(said("hello").map((call) => call[7])).toEqual([false, false]);
  });

  it("grants a slot only to neighbours that lack something it has and can take it", () => {
    const { meet, said } = swarmWith(4, [0]);
    meet(0, 1, [0]);
    meet(0, 2, [], 0);
    expect(said("grant")).toEqual([]);
    meet(0, 3, []);
    expect(said("grant")).toEqual([["grant", 3, 0]]);
  });

  it("grants to the neighbour that got least for its time in the task", () => {
    const { swarm, said, takeAll } = swarmWith(100, [99], { uploadSlots: 1 });
    const many = Array.from({ length: 50 }, (_, i) => i);
    swarm.addNeighbour(1000, 0, 1, 1);
    swarm.addNeighbour(1000, 0, 2, 2);
    swarm.addNeighbour(1000, 0, 3, 3);
    swarm.onHello(1000, 1, 0, bits(100, [99]), 6, 1000);
    takeAll();
    swarm.onHello(1000, 2, 0, bits(100, many), 1, 1000);
    swarm.onDecline(1000, 2, 0, "full", 0);
    takeAll();
    swarm.onHello(1001, 3, 0, bits(100, [5, 6]), 0, 1000);
    swarm.onHave(1002, 2, 0, [], 0);
    expect(said("grant")).toEqual([]);
    swarm.onHave(1003, 3, 0, [], 3);
    expect(said("grant")).toEqual([["grant", 3, 0]]);
    swarm.onHave(1004, 2, 0, [], 3);
    swarm.onUploadStart(1005, 3, 0);
    takeAll();
    swarm.onUploadEnd(1006, 3, 0, 1);
    expect(said("grant")).toEqual([["grant", 3, 0]]);
  });

  it("never has more grants and uploads than slots", () => {
    const { swarm, said, meet } = swarmWith(4, [0], { uploadSlots: 2, grantsAhead: 0 });
    for (let host = 0; host < 5; host++) meet(0, host, []);
    expect(said("grant")).toHaveLength(2);
    const [first, second] = said("grant").map((call) => call[1] as number);
    expect(swarm.onUploadStart(1, first!, 0)).toBe(true);
    expect(swarm.onUploadStart(1, second!, 0)).toBe(true);
    expect(swarm.onUploadStart(1, first!, 0)).toBe(false);
    swarm.onUploadEnd(2, first!, 0, 1);
    expect(said("grant")).toHaveLength(3);
  });

  it("gives as many grants beyond its slots as it may, for some are not used", () => {
    const { said, meet } = swarmWith(4, [0], { uploadSlots: 2, grantsAhead: 1 });
    for (let host = 0; host < 5; host++) meet(0, host, []);
    expect(said("grant")).toHaveLength(3);
  });

  it("takes a grant back when it is not used in time", () => {
    const { swarm, said, meet } = swarmWith(4, [0], {
      uploadSlots: 1,
      grantsAhead: 0,
      grantTimeoutMs: 500,
    });
    meet(0, 1, []);
    meet(0, 2, []);
    expect(said("grant")).toEqual([["grant", 1, 0]]);
    swarm.tick(400);
    expect(said("grant")).toHaveLength(1);
    swarm.tick(600);
    expect(said("grant")).toEqual([
      ["grant", 1, 0],
      ["grant", 2, 0],
    ]);
  });

  it("answers a grant with the piece that fewest neighbours have", () => {
    const { swarm, said, meet } = swarmWith(8);
    meet(0, 1, [2, 3, 4]);
    meet(0, 2, [2, 4]);
    meet(0, 3, [2]);
    swarm.onGrant(1, 1, 0);
    expect(said("request")).toEqual([["request", 1, 0, 3]]);
  });

  it("does not fetch one piece twice at the same time", () => {
    const { swarm, said, meet } = swarmWith(8);
    meet(0, 1, [2]);
    meet(0, 2, [2]);
    swarm.onGrant(1, 1, 0);
    swarm.onGrant(1, 2, 0);
    expect(said("request")).toHaveLength(1);
    expect(said("decline")).toEqual([["decline", 2, 0, "nothing", 5]]);
  });

  it("declines grants when its download slots are taken, and tells when one is free", () => {
    const { swarm, said, meet, takeAll } = swarmWith(8, [], { downloadSlots: 1, grantsHeld: 0 });
    meet(0, 1, [0, 1]);
    swarm.onGrant(1, 1, 0);
    swarm.onGrant(1, 1, 0);
    expect(said("decline")).toEqual([["decline", 1, 0, "full", 0]]);
    swarm.onPiece(10, 0, 0, 1);
    takeAll();
    swarm.tick(12);
    expect(said("have")).toEqual([["have", [1], 0, [0], 1]]);
  });

  it("keeps a grant for the download slot that becomes free next", () => {
    const { swarm, said, meet } = swarmWith(8, [], { downloadSlots: 1 });
    meet(0, 1, [0]);
    meet(0, 2, [1]);
    swarm.onGrant(1, 1, 0);
    swarm.onGrant(1, 2, 0);
    expect(said("decline")).toEqual([]);
    swarm.onPiece(10, 0, 0, 1);
    expect(said("request")).toEqual([
      ["request", 1, 0, 0],
      ["request", 2, 0, 1],
    ]);
  });

  it("gives a kept grant back when no slot becomes free soon", () => {
    const { swarm, said, meet } = swarmWith(8, [], { downloadSlots: 1, grantHoldMs: 100 });
    meet(0, 1, [0]);
    meet(0, 2, [1]);
    swarm.onGrant(1, 1, 0);
    swarm.onGrant(1, 2, 0);
    swarm.tick(60);
    expect(said("decline")).toEqual([]);
    swarm.tick(120);
    expect(said("decline")).toEqual([["decline", 2, 0, "full", 0]]);
  });

  it("fetches few pieces of a small task at a time, whatever else is free", () => {
    const options = { smallTaskPieces: 8, smallTaskSlots: 2, grantsHeld: 0 };
    const { swarm, said, meet } = swarmWith(8, [], options);
    for (const host of [1, 2, 3]) meet(0, host, [0, 1, 2, 3]);
    for (const host of [1, 2, 3]) swarm.onGrant(1, host, 0);
    expect(said("request")).toHaveLength(2);
    expect(said("decline")).toEqual([["decline", 3, 0, "full", 0]]);
  });

  it("gives few slots to a small task, and the others to other tasks", () => {
    const options = { smallTaskPieces: 8, smallTaskSlots: 1, grantsAhead: 0 };
    const { swarm, said, meet } = swarmWith(8, [0], options);
    for (const host of [1, 2, 3, 4]) meet(0, host, []);
    expect(said("grant")).toHaveLength(2);
    const have = bits(9, [0]);
    swarm.open(1, 1, { taskKey: 2, pieceCount: 9, pieceLengthBytes: 1024, have });
    swarm.addNeighbour(1, 1, 5, 5);
    swarm.onHello(1, 5, 1, bits(9, []), 6, 0);
    expect(said("grant").at(-1)).toEqual(["grant", 5, 1]);
  });

  it("tells all neighbours of pieces together, not one by one", () => {
    const { swarm, said, meet, takeAll } = swarmWith(8);
    meet(0, 1, [0, 1, 2]);
    meet(0, 2, []);
    takeAll();
    swarm.onPiece(10, 0, 0, SEED);
    swarm.onPiece(11, 0, 1, SEED);
    expect(said("wake").some((call) => (call[1] as number) <= 12)).toBe(true);
    swarm.tick(12);
    expect(said("have")).toEqual([["have", [1, 2], 0, [0, 1], 6]]);
  });

  it("grants for a piece only after it was announced", () => {
    const { swarm, said, meet } = swarmWith(2);
    meet(0, 1, []);
    swarm.onPiece(10, 0, 0, SEED);
    expect(said("grant")).toEqual([]);
    swarm.tick(12);
    expect(said("grant")).toEqual([["grant", 1, 0]]);
  });

  it("does not grant again to one that finds nothing until it asks again", () => {
    const { swarm, said, meet } = swarmWith(4, [0]);
    meet(0, 1, []);
    swarm.onDecline(1, 1, 0, "nothing", 6);
    expect(said("grant")).toHaveLength(1);
    swarm.onHave(2, 1, 0, [3], 6);
    expect(said("grant")).toHaveLength(1);
    swarm.onHave(2, 1, 0, [], 6);
    expect(said("grant")).toHaveLength(2);
  });

  it("takes up an offer of the seed", () => {
    const { swarm, said } = swarmWith(8);
    swarm.onOffer(1, 0, 5);
    expect(said("request")).toEqual([["request", SEED, 0, 5]]);
  });

  it("refuses offers of pieces it has, pieces that do not exist, and offers beyond its room", () => {
    const { swarm, said } = swarmWith(20, [3], { downloadSlots: 1, offerExtraSlots: 1 });
    swarm.onOffer(1, 0, 3);
    swarm.onOffer(1, 0, 20);
    swarm.onOffer(1, 0, -1);
    swarm.onOffer(1, 99, 0);
    swarm.onOffer(1, 0, 4);
    swarm.onOffer(1, 0, 5);
    swarm.onOffer(1, 0, 6);
    expect(said("refuseOffer").map((call) => call[2])).toEqual([3, 20, -1, 0, 6]);
    expect(said("request").map((call) => call[3])).toEqual([4, 5]);
  });

  it("says once that a task is complete, and again when it grew and is complete again", () => {
    const { swarm, said } = swarmWith(1);
    swarm.onPiece(1, 0, 0, SEED);
    swarm.onPiece(2, 0, 0, SEED);
    expect(said("complete")).toHaveLength(1);
    swarm.grow(3, 0, 2);
    swarm.onPiece(4, 0, 1, SEED);
    expect(said("complete")).toHaveLength(2);
  });

  it("remembers what a neighbour has beyond the pieces known so far", () => {
    const { swarm, said, meet } = swarmWith(1);
    meet(0, 1, []);
    swarm.onHave(1, 1, 0, [3], 6);
    swarm.grow(2, 0, 4);
    swarm.onGrant(3, 1, 0);
    expect(said("request")).toEqual([["request", 1, 0, 3]]);
  });

  it("fetches first what a random-access reader waits for, then what an in-order reader needs", () => {
    const { swarm, said, meet } = swarmWith(64);
    const all = Array.from({ length: 64 }, (_, i) => i);
    meet(0, 1, all);
    swarm.readerAt(0, 0, 10);
    swarm.want(0, 0, [40, 50]);
    for (let i = 0; i < 4; i++) swarm.onGrant(1, 1, 0);
    expect(said("request").map((call) => call[3])).toEqual([40, 50, 10, 11]);
  });

  it("serves a completed task on, without being asked to tick for ever", () => {
    const { swarm, said, meet, takeAll } = swarmWith(1, [0]);
    meet(0, 1, []);
    expect(said("grant")).toHaveLength(1);
    swarm.onUploadStart(1, 1, 0);
    swarm.onUploadEnd(2, 1, 0, 1);
    swarm.onHave(3, 1, 0, [0], 6);
    takeAll();
    swarm.tick(5000);
    expect(said("wake")).toEqual([]);
  });

  it("stops what it was fetching when a task is closed", () => {
    const { swarm, said, meet } = swarmWith(4);
    meet(0, 1, [0]);
    swarm.onGrant(1, 1, 0);
    swarm.onOffer(1, 0, 2);
    swarm.close(2, 0);
    expect(said("abort").map((call) => call.slice(1))).toEqual([
      [1, 0, 0],
      [SEED, 0, 2],
    ]);
    swarm.onPiece(3, 0, 0, 1);
    expect(said("complete")).toEqual([]);
  });

  it("lets only its own stripes in from another zone, and sends only the other's stripes", () => {
    const { swarm, said } = swarmWith(128, [0, 1, 2]);
    swarm.stripes(0, 0, bits(64, [5]));
    swarm.addNeighbour(0, 0, 1, 1, true);
    expect(said("hello")[0]?.[6]).toEqual(bits(64, [5]));
    swarm.onHello(1, 1, 0, bits(128, [5, 6, 69]), 6, 0, bits(64, [1]));
    swarm.onGrant(2, 1, 0);
    swarm.onGrant(2, 1, 0);
    swarm.onGrant(2, 1, 0);
    expect(said("request").map((call) => call[3])).toEqual([5, 69]);
    expect(said("grant")).toEqual([["grant", 1, 0]]);
    swarm.onHave(3, 1, 0, [1], 6);
    swarm.onUploadStart(3, 1, 0);
    swarm.onUploadEnd(4, 1, 0, 1);
    expect(said("grant")).toHaveLength(1);
  });
});
