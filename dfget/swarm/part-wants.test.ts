import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { SEED, Swarm, type SwarmOut } from "./swarm.ts";

type Call = readonly [name: string, ...args: unknown[]];

/** A swarm with one open task 0 of 16 pieces of which parts are read, and everything it says. */
function stage() {
  const calls: Call[] = [];
  const out = new Proxy({} as SwarmOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  const swarm = new Swarm({ smallTaskPieces: 0 }, out, () => 0);
  swarm.open(0, 0, { taskKey: 1, pieceCount: 16, pieceLengthBytes: 1024, isPart: true });
  const said = (...names: string[]): Call[] => calls.filter(([name]) => names.includes(name));
  const meet = (nowMs: number, host: number, pieces: readonly number[]): void => {
    const have = new Bitmap(16);
    for (const piece of pieces) have.add(piece);
    swarm.addNeighbour(nowMs, 0, host, host);
    swarm.onHello(nowMs, host, 0, have, 6, 0);
  };
  return { swarm, said, meet };
}

describe("a swarm that reads parts of a task", () => {
  it("fetches nothing that nobody waits for, and wants no grants", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [0, 1, 2]);
    swarm.onGrant(1, 1, 0);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 500) swarm.tick(nowMs);
    expect(said("request", "want", "starve")).toEqual([]);
    expect(said("hello").map((call) => call[4])).toEqual([0]);
    expect(said("decline").length).toBe(1);
  });

  it("asks a neighbour that holds a wanted piece, and the supernode for what no neighbour holds", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [3]);
    swarm.want(10, 0, [3, 4]);
    expect(said("request", "want")).toEqual([
      ["request", 1, 0, 3],
      ["want", 0, [4], false],
    ]);
    swarm.onOffer(20, 0, 4);
    expect(said("request").at(-1)).toEqual(["request", SEED, 0, 4]);
  });

  it("asks a neighbour as soon as that has the piece", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, []);
    swarm.want(10, 0, [5]);
    expect(said("request")).toEqual([]);
    swarm.onHave(20, 1, 0, [5], 6);
    expect(said("request")).toEqual([["request", 1, 0, 5]]);
  });

  it("turns to others when a neighbour is busy, and asks the supernode ever more rarely", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [3]);
    swarm.want(10, 0, [3]);
    swarm.onPieceFailed(20, 0, 3, 1, "busy");
    expect(said("want")).toEqual([["want", 0, [3], false]]);
    swarm.tick(24);
    expect(said("have", "blame")).toEqual([]);
    swarm.removeNeighbour(25, 0, 1);
    const atMs: number[] = [];
    for (let nowMs = 30; nowMs < 5000; nowMs += 50) {
      const before = said("want").length;
      swarm.tick(nowMs);
      if (said("want").length > before) atMs.push(nowMs);
    }
    expect(atMs.length).toBeGreaterThanOrEqual(3);
    expect(atMs.length).toBeLessThanOrEqual(5);
    expect(said("want").at(-1)).toEqual(["want", 0, [3], true]);
  });

  it("gives pieces that usually take long more time to come from others, before it asks for them again", () => {
    const { swarm, said } = stage();
    swarm.want(0, 0, [3]);
    swarm.onOffer(0, 0, 3);
    swarm.onPiece(500, 0, 3, SEED);
    swarm.want(1000, 0, [4]);
    for (let nowMs = 1000; nowMs < 2000; nowMs += 50) swarm.tick(nowMs);
    expect(said("want").slice(1)).toEqual([["want", 0, [4], false]]);
    swarm.tick(2000);
    expect(said("want").slice(2)).toEqual([["want", 0, [4], true]]);
  });

  it("forgets what nobody waits for any more", () => {
    const { swarm, said } = stage();
    swarm.want(10, 0, [3]);
    swarm.want(20, 0, []);
    for (let nowMs = 30; nowMs < 5000; nowMs += 50) swarm.tick(nowMs);
    expect(said("want")).toHaveLength(1);
    swarm.want(6000, 0, [3]);
    expect(said("want").at(-1)).toEqual(["want", 0, [3], false]);
  });

  it("tells a supernode that is back what it waits for", () => {
    const { swarm, said } = stage();
    swarm.want(10, 0, [3]);
    swarm.supernodeLost(20);
    swarm.supernodeBack(30);
    expect(said("want")).toEqual([
      ["want", 0, [3], false],
      ["want", 0, [3], false],
    ]);
  });

  it("reads from the origin only what is wanted when there is no supernode", () => {
    const { swarm, said } = stage();
    swarm.orphan(0, 0);
    swarm.want(10, 0, [3, 4, 9]);
    for (let nowMs = 10; nowMs < 30_000; nowMs += 50) swarm.tick(nowMs);
    const runs = said("requestOrigin").map(([, , first, count]) => [first, count]);
    expect(runs.slice(0, 2)).toEqual([
      [3, 2],
      [9, 1],
    ]);
    expect(new Set(runs.map(([first]) => first))).toEqual(new Set([3, 9]));
  });

  it("keeps what the seed offers until it has a slot for it", () => {
    const { swarm, said } = stage();
    const all = Array.from({ length: 16 }, (_, piece) => piece);
    swarm.want(0, 0, all);
    for (const piece of all) swarm.onOffer(10, 0, piece);
    expect(said("request")).toHaveLength(8);
    for (const piece of all) swarm.onPiece(20, 0, piece, SEED);
    expect(said("request").map(([, , , piece]) => piece)).toEqual(all);
    expect(said("refuseOffer")).toEqual([]);
    expect(said("want")).toHaveLength(1);
  });

  it("asks another neighbour, too, for a piece that is long in coming", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [2, 3]);
    swarm.want(0, 0, [2]);
    swarm.onPiece(20, 0, 2, 1);
    swarm.want(100, 0, [3]);
    meet(110, 2, [3]);
    for (let nowMs = 120; nowMs < 300; nowMs += 50) swarm.tick(nowMs);
    expect(said("request").map(([, from, , piece]) => [from, piece])).toEqual([
      [1, 2],
      [1, 3],
      [2, 3],
    ]);
  });

  it("asks no second neighbour for a piece that is slower than most, but not than all", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [0, 1, 2, 3]);
    for (const [piece, tookMs] of [100, 100, 400].entries()) {
      swarm.want(1000 * piece, 0, [piece]);
      swarm.onPiece(1000 * piece + tookMs, 0, piece, 1);
    }
    meet(2900, 2, [3]);
    swarm.want(3000, 0, [3]);
    const [, from] = said("request").at(-1)!;
    for (let nowMs = 3050; nowMs <= 3800; nowMs += 50) swarm.tick(nowMs);
    expect(said("request").filter(([, , , piece]) => piece === 3)).toEqual([
      ["request", from, 0, 3],
    ]);
    swarm.tick(3850);
    expect(said("request").filter(([, , , piece]) => piece === 3)).toHaveLength(2);
  });

  it("takes part like all others when the whole is wanted", () => {
    const { swarm, said, meet } = stage();
    meet(0, 1, [0, 1]);
    swarm.readWhole(10, 0);
    swarm.tick(2000);
    expect(said("have").at(-1)?.slice(3)).toEqual([[], 6]);
    swarm.onGrant(2010, 1, 0);
    expect(said("request")).toEqual([["request", 1, 0, 0]]);
  });
});
