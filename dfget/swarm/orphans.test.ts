import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { orphanRank } from "./orphan-state.ts";
import { ORIGIN, SEED, Swarm, type SwarmOut } from "./swarm.ts";

const MIB = 1024 * 1024;
const KEY = 99;

type Call = readonly [name: string, ...args: unknown[]];

/** A peer of node key 50 with a task of ten pieces of 1 MiB, so blocks of four. */
function peerWith(neighbours: readonly number[], nodeKey = 50, have = new Bitmap(10)) {
  const calls: Call[] = [];
  const out = new Proxy({} as SwarmOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  const swarm = new Swarm({ nodeKey }, out, () => 0);
  swarm.open(0, 0, { taskKey: KEY, pieceCount: 10, pieceLengthBytes: MIB, have });
  for (const key of neighbours) {
    swarm.addNeighbour(0, 0, key, key);
    swarm.onHello(0, key, 0, new Bitmap(10), 6, 0);
  }
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  return { swarm, said };
}

function tickUntil(swarm: Swarm, fromMs: number, untilMs: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 50) swarm.tick(nowMs);
}

/** Node keys of which the first ranks above 50 in the first block, and the second below. */
function keysAround(): { above: number; below: number } {
  const own = orphanRank(KEY, 0, 50);
  let above = 0;
  let below = 0;
  for (let key = 1; above === 0 || below === 0; key++) {
    if (orphanRank(KEY, 0, key) > own) above ||= key;
    else if (key !== 50) below ||= key;
  }
  return { above, below };
}

describe("Orphans", () => {
  it("leaves the origin alone while the supernode is there", () => {
    const { swarm, said } = peerWith([]);
    tickUntil(swarm, 50, 10_000);
    expect(said("requestOrigin")).toEqual([]);
  });

  it("reads from the origin while the seed fails again and again, however slow or busy it may be", () => {
    const { swarm, said } = peerWith([]);
    const fail = (nowMs: number, reason: "failed" | "busy", times: number): void => {
      for (let time = 0; time < times; time++) {
        swarm.onOffer(nowMs, 0, 9);
        swarm.onPieceFailed(nowMs, 0, 9, SEED, reason);
      }
    };
    fail(10, "busy", 20);
    fail(20, "failed", 2);
    swarm.onOffer(30, 0, 8);
    swarm.onPiece(40, 0, 8, SEED);
    fail(50, "failed", 2);
    tickUntil(swarm, 50, 5000);
    expect(said("requestOrigin")).toEqual([]);
    fail(5000, "failed", 1);
    const tries = said("request").length;
    for (const piece of [7, 8]) swarm.onOffer(5100, 0, piece);
    expect(said("request")).toHaveLength(tries);
    tickUntil(swarm, 5000, 6000);
    for (const piece of [6, 7]) swarm.onOffer(6010, 0, piece);
    expect(said("request")).toHaveLength(tries + 1);
    expect(said("requestOrigin").map((call) => call.slice(2))).toEqual([
      [0, 4],
      [4, 4],
    ]);
  });

  it("reads everything in bounded runs, in order, when it is alone", () => {
    const { swarm, said } = peerWith([]);
    swarm.orphan(0, 0);
    tickUntil(swarm, 0, 600);
    expect(said("requestOrigin").map((call) => call.slice(2))).toEqual([
      [0, 4],
      [4, 4],
    ]);
    for (let piece = 0; piece < 8; piece++) swarm.onPiece(700, 0, piece, ORIGIN);
    tickUntil(swarm, 700, 800);
    expect(said("requestOrigin").at(-1)?.slice(2)).toEqual([8, 2]);
    swarm.onPiece(900, 0, 8, ORIGIN);
    swarm.onPiece(900, 0, 9, ORIGIN);
    expect(said("complete")).toHaveLength(1);
  });

  it("begins with what a reader waits for", () => {
    const { swarm, said } = peerWith([]);
    swarm.readerAt(0, 0, 8);
    swarm.orphan(0, 0);
    tickUntil(swarm, 0, 600);
    expect(said("requestOrigin")[0]?.slice(2)).toEqual([8, 2]);
  });

  it("waits until nothing new has been heard of for a while after the supernode is lost", () => {
    const { swarm, said } = peerWith([], 50);
    swarm.supernodeLost(1000);
    tickUntil(swarm, 1050, 1450);
    expect(said("requestOrigin")).toEqual([]);
    tickUntil(swarm, 1500, 1600);
    expect(said("requestOrigin")).not.toEqual([]);
  });

  it("reads only what no neighbour holds", () => {
    const { swarm, said } = peerWith([3]);
    swarm.onHave(0, 3, 0, [0, 1, 2, 3, 5], 6);
    swarm.orphan(0, 0);
    tickUntil(swarm, 0, 5000);
    const runs = said("requestOrigin").map((call) => call.slice(2));
    expect(runs).toContainEqual([4, 1]);
    expect(runs).not.toContainEqual([0, 4]);
  });

  it("reads what only a neighbour that hangs holds, without waiting for its end", () => {
    const { swarm, said } = peerWith([3]);
    swarm.onHave(0, 3, 0, [0, 1], 6);
    swarm.supernodeLost(0);
    for (let nowMs = 0; nowMs < 20_000; nowMs += 50) {
      swarm.tick(nowMs);
      for (const piece of [2, 3, 4, 5, 6, 7, 8, 9]) swarm.onPiece(nowMs, 0, piece, ORIGIN);
      swarm.onGrant(nowMs, 3, 0);
    }
    expect(said("request").map((call) => call[3])).toContain(0);
    expect(said("requestOrigin").map((call) => call.slice(2))).toContainEqual([0, 2]);
  });

  it("lets the neighbour that ranks first go first, and follows when it does not", () => {
    const { above, below } = keysAround();
    const first = peerWith([below]);
    first.swarm.orphan(0, 0);
    tickUntil(first.swarm, 0, 700);
    expect(first.said("requestOrigin").map((call) => call[2])).toContain(0);
    const second = peerWith([above]);
    second.swarm.orphan(0, 0);
    tickUntil(second.swarm, 0, 700);
    expect(second.said("requestOrigin").map((call) => call[2])).not.toContain(0);
    tickUntil(second.swarm, 750, 1500);
    const later = second.said("requestOrigin").map((call) => call[2]);
    expect(later.includes(0) || later.length === 2).toBe(true);
  });

  it("does not read what somebody claims, and passes the claim on once", () => {
    const { above } = keysAround();
    const { swarm, said } = peerWith([3, 4]);
    swarm.orphan(0, 0);
    swarm.onClaim(0, 3, 0, 0, 4, above);
    swarm.onClaim(1, 4, 0, 0, 4, above);
    expect(said("claim")).toEqual([["claim", [4], 0, 0, 4, above]]);
    tickUntil(swarm, 50, 2900);
    expect(said("requestOrigin").map((call) => call[2])).not.toContain(0);
  });

  it("takes over when a claim is not repeated", () => {
    const { above } = keysAround();
    const { swarm, said } = peerWith([3]);
    swarm.orphan(0, 0);
    swarm.onClaim(0, 3, 0, 0, 4, above);
    for (let nowMs = 50; nowMs < 9000; nowMs += 50) {
      swarm.tick(nowMs);
      for (const [, , first, count] of said("requestOrigin")) {
        for (let i = 0; i < (count as number); i++)
          swarm.onPiece(nowMs, 0, (first as number) + i, ORIGIN);
      }
    }
    expect(said("requestOrigin").map((call) => call[2])).toContain(0);
    expect(said("complete")).toHaveLength(1);
  });

  it("stops its own run when one that ranks higher claims the same, and only then", () => {
    const { above, below } = keysAround();
    const { swarm, said } = peerWith([]);
    swarm.orphan(0, 0);
    tickUntil(swarm, 0, 600);
    swarm.addNeighbour(600, 0, 3, 3);
    swarm.onHello(600, 3, 0, new Bitmap(10), 6, 0);
    swarm.onClaim(601, 3, 0, 0, 4, below);
    expect(said("abort")).toEqual([]);
    swarm.onClaim(602, 3, 0, 0, 4, above);
    expect(said("abort")).toEqual([["abort", ORIGIN, 0, 0]]);
  });

  it("repeats its claim while it reads", () => {
    const { below } = keysAround();
    const { swarm, said } = peerWith([below]);
    swarm.orphan(0, 0);
    tickUntil(swarm, 0, 5000);
    const claims = said("claim").filter((call) => call[3] === 0);
    expect(claims.length).toBeGreaterThan(2);
    expect(claims.every((call) => call[5] === 50)).toBe(true);
  });

  it("tries again later, and less and less often, when the origin fails", () => {
    const { swarm, said } = peerWith([]);
    swarm.orphan(0, 0);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 50) {
      const before = said("requestOrigin").length;
      swarm.tick(nowMs);
      for (const call of said("requestOrigin").slice(before)) {
        swarm.onPieceFailed(nowMs, 0, call[2] as number, ORIGIN, "failed");
      }
    }
    const tries = said("requestOrigin").filter((call) => call[2] === 0).length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(15);
    expect(said("blame")).toEqual([]);
  });

  it("begins no runs any more when the supernode is back", () => {
    const { swarm, said } = peerWith([]);
    swarm.supernodeLost(0);
    swarm.supernodeBack(300);
    tickUntil(swarm, 350, 5000);
    expect(said("requestOrigin")).toEqual([]);
  });

  it("does not believe claims for ever when nothing of the block appears", () => {
    const { above } = keysAround();
    const { swarm, said } = peerWith([3]);
    swarm.orphan(0, 0);
    for (let nowMs = 0; nowMs < 90_000; nowMs += 500) {
      for (const first of [0, 4, 8]) swarm.onClaim(nowMs, 3, 0, first, 2, above);
      tickUntil(swarm, nowMs, nowMs + 450);
    }
    expect(said("requestOrigin")).not.toEqual([]);
  });

  it("ignores claims of pieces that do not exist or of more than a block", () => {
    const { swarm, said } = peerWith([3, 4]);
    swarm.orphan(0, 0);
    for (const [first, count] of [
      [9, 5],
      [-1, 2],
      [0, 0],
      [0, 9],
      [0.5, 1],
      [0, Infinity],
    ] as const) {
      swarm.onClaim(0, 3, 0, first, count, 7);
    }
    expect(said("claim")).toEqual([]);
  });

  it("stops when the supernode is back, which reads on from what is held", () => {
    const { swarm, said } = peerWith([]);
    swarm.supernodeLost(0);
    tickUntil(swarm, 0, 3000);
    expect(said("requestOrigin").length).toBeGreaterThan(0);
    swarm.onPiece(3000, 0, 0, ORIGIN);
    swarm.supernodeBack(3000);
    expect(said("abort")).toEqual(
      said("requestOrigin").map(([, task, piece]) => ["abort", ORIGIN, task, piece]),
    );
    const count = said("requestOrigin").length;
    tickUntil(swarm, 3000, 20_000);
    expect(said("requestOrigin")).toHaveLength(count);
  });
});
