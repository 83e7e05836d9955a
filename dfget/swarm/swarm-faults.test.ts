import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { ORIGIN, SEED, Swarm, type SwarmOptions, type SwarmOut } from "./swarm.ts";

type Call = readonly [name: string, ...args: unknown[]];

function recorded(options: Partial<SwarmOptions> = {}, random: () => number = () => 0) {
  const calls: Call[] = [];
  const out = new Proxy({} as SwarmOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  const swarm = new Swarm(options, out, random);
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  return { swarm, said };
}

function swarmOf(pieceCount: number, neighbours: Record<number, number[]>, options = {}) {
  const { swarm, said } = recorded(options);
  swarm.open(0, 0, { taskKey: 1, pieceCount, pieceLengthBytes: 1024 });
  for (const [host, pieces] of Object.entries(neighbours)) {
    swarm.addNeighbour(0, 0, Number(host), Number(host));
    const have = new Bitmap(pieceCount);
    for (const piece of pieces) have.add(piece);
    swarm.onHello(0, Number(host), 0, have, 6, 0);
  }
  return { swarm, said };
}

/** Ticks every 50 ms until `untilMs`. */
function tickUntil(swarm: Swarm, fromMs: number, untilMs: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 50) swarm.tick(nowMs);
}

describe("Swarm under faults", () => {
  it("gives up a piece that is late, blames the source as slow and fetches elsewhere", () => {
    const { swarm, said } = swarmOf(40, { 1: [0], 2: [0] });
    swarm.onGrant(1, 1, 0);
    tickUntil(swarm, 50, 1450);
    expect(said("abort")).toEqual([]);
    tickUntil(swarm, 1500, 1600);
    expect(said("abort")).toEqual([["abort", 1, 0, 0]]);
    expect(said("blame")).toEqual([["blame", 0, 1, 0, "slow"]]);
    swarm.onGrant(1601, 1, 0);
    expect(said("request")).toHaveLength(1);
    swarm.onGrant(1601, 2, 0);
    expect(said("request")).toHaveLength(2);
  });

  it("takes the times of recent pieces as the measure of late", () => {
    const all = Array.from({ length: 40 }, (_, i) => i);
    const { swarm, said } = swarmOf(40, { 1: all, 2: all });
    for (let i = 0; i < 10; i++) {
      swarm.onGrant(i * 100, 1, 0);
      swarm.onPiece(i * 100 + 80, 0, said("request").at(-1)?.[3] as number, 1);
    }
    swarm.onGrant(1000, 2, 0);
    tickUntil(swarm, 1050, 1200);
    expect(said("abort")).toEqual([]);
    tickUntil(swarm, 1250, 1300);
    expect(said("abort")).toHaveLength(1);
  });

  it("grants ever more time when everything is slow, so that something arrives in the end", () => {
    const { swarm, said } = swarmOf(4, { 1: [0] });
    const limits: number[] = [];
    let nowMs = 0;
    for (let round = 0; round < 3; round++) {
      const before = said("abort").length;
      const requests = said("request").length;
      while (said("request").length === requests) swarm.onGrant((nowMs += 50), 1, 0);
      const startMs = nowMs;
      while (said("abort").length === before) swarm.tick((nowMs += 50));
      limits.push(nowMs - startMs);
      for (let i = 0; i < 20; i++) swarm.tick((nowMs += 50));
    }
    expect(limits[1]).toBeGreaterThan(1.8 * limits[0]!);
    expect(limits[2]).toBeGreaterThan(1.8 * limits[1]!);
  });

  it("waits no longer for a neighbour because others hung before, once pieces arrive again", () => {
    const { swarm, said } = swarmOf(4, { 1: [0], 2: [1], 3: [2], 4: [3] });
    swarm.onGrant(0, 1, 0);
    swarm.onGrant(0, 2, 0);
    tickUntil(swarm, 50, 1600);
    expect(said("abort")).toHaveLength(2);
    swarm.onGrant(1600, 3, 0);
    swarm.onPiece(1700, 0, 2, 3);
    swarm.onGrant(1700, 4, 0);
    tickUntil(swarm, 1750, 3300);
    expect(said("abort")).toHaveLength(3);
  });

  it("goes on with blocked sources at once when no other has anything for it", () => {
    const { swarm, said } = swarmOf(40, { 1: [0, 3], 2: [1, 4], 3: [2] });
    swarm.onGrant(0, 1, 0);
    swarm.onGrant(0, 2, 0);
    tickUntil(swarm, 50, 1550);
    expect(said("abort")).toHaveLength(2);
    swarm.onGrant(1560, 1, 0);
    expect(said("decline")).toEqual([["decline", 1, 0, "nothing", 3]]);
    swarm.onGrant(1570, 3, 0);
    swarm.onPiece(1580, 0, 2, 3);
    swarm.onGrant(1590, 1, 0);
    swarm.onGrant(1590, 2, 0);
    expect(said("request").map((call) => call[1])).toEqual([1, 2, 3, 1, 2]);
  });

  it("asks its only source again when that fails, but not at once", () => {
    const { swarm, said } = swarmOf(40, { 1: [0, 1, 2, 3] });
    swarm.onGrant(0, 1, 0);
    swarm.onPieceFailed(1, 0, said("request")[0]![3] as number, 1, "failed");
    for (let nowMs = 2; nowMs < 200; nowMs += 2) {
      swarm.tick(nowMs);
      swarm.onGrant(nowMs, 1, 0);
    }
    expect(said("request")).toHaveLength(1);
    swarm.tick(500);
    swarm.onGrant(501, 1, 0);
    expect(said("request")).toHaveLength(2);
  });

  it("asks a source for grants again when its block is over", () => {
    const all = Array.from({ length: 400 }, (_, i) => i);
    const { swarm, said } = swarmOf(400, { 1: all, 2: all });
    swarm.onGrant(0, 1, 0);
    swarm.onPieceFailed(1, 0, said("request")[0]![3] as number, 1, "failed");
    const askedMs: number[] = [];
    for (let nowMs = 50; nowMs <= 12_000; nowMs += 50) {
      swarm.onGrant(nowMs, 2, 0);
      swarm.onPiece(nowMs + 20, 0, said("request").at(-1)![3] as number, 2);
      const before = said("have").length;
      swarm.tick(nowMs + 25);
      const isAsked = said("have")
        .slice(before)
        .some((call) => (call[3] as number[]).length === 0);
      if (isAsked) askedMs.push(nowMs);
    }
    expect(askedMs.filter((atMs) => atMs > 1000)).toEqual([10_000]);
  });

  it("starves, and uses blocked sources, while all that is in flight hangs", () => {
    const { swarm, said } = swarmOf(40, { 1: [0], 2: [1], 3: [2] });
    swarm.onGrant(0, 1, 0);
    tickUntil(swarm, 50, 1550);
    swarm.onGrant(1550, 2, 0);
    tickUntil(swarm, 1600, 3000);
    const before = said("starve").length;
    tickUntil(swarm, 3050, 4000);
    expect(said("abort")).toHaveLength(1);
    expect(said("starve").length).toBeGreaterThan(before);
    swarm.onGrant(4000, 1, 0);
    expect(said("request").map((call) => call[1])).toEqual([1, 2, 1]);
  });

  it("asks a second neighbour at the end when the first hangs before anything has arrived", () => {
    const { swarm, said } = swarmOf(4, { 1: [0], 2: [1], 3: [1] });
    swarm.onGrant(0, 1, 0);
    tickUntil(swarm, 50, 1550);
    swarm.onGrant(1550, 2, 0);
    tickUntil(swarm, 1600, 3200);
    expect(said("request").map((call) => call[1])).toEqual([1, 2, 3]);
    expect(said("abort")).toHaveLength(1);
  });

  it("uses a blocked source again when it has starved for a while, unless it sent wrong bytes", () => {
    for (const [reason, requests] of [
      ["failed", 2],
      ["corrupt", 1],
    ] as const) {
      const { swarm, said } = swarmOf(4, { 1: [0, 1] });
      swarm.onGrant(0, 1, 0);
      swarm.onPieceFailed(10, 0, said("request")[0]?.[3] as number, 1, reason);
      expect(said("blame").at(-1)?.at(-1)).toBe(reason);
      tickUntil(swarm, 50, 450);
      swarm.onGrant(451, 1, 0);
      expect(said("request")).toHaveLength(requests);
    }
  });

  it("does not blame a neighbour that was only busy", () => {
    const { swarm, said } = swarmOf(4, { 1: [0] });
    swarm.onGrant(0, 1, 0);
    swarm.onPieceFailed(10, 0, 0, 1, "busy");
    expect(said("blame")).toEqual([]);
    swarm.onGrant(11, 1, 0);
    expect(said("request")).toHaveLength(2);
  });

  it("forgets what a neighbour failed to send twice", () => {
    const { swarm, said } = swarmOf(4, { 1: [2, 3] }, { blockMs: 0 });
    for (let i = 0; i < 2; i++) {
      swarm.onGrant(i * 10, 1, 0);
      swarm.onPieceFailed(i * 10 + 5, 0, 2, 1, "failed");
    }
    swarm.onGrant(30, 1, 0);
    expect(said("request").map((call) => call[3])).toEqual([2, 2, 3]);
  });

  it("gives an offer back when the seed fails or hangs", () => {
    const { swarm, said } = swarmOf(4, {});
    swarm.onOffer(0, 0, 1);
    swarm.onPieceFailed(10, 0, 1, SEED, "failed");
    expect(said("refuseOffer")).toEqual([["refuseOffer", 0, 1]]);
    swarm.onOffer(20, 0, 2);
    tickUntil(swarm, 50, 4000);
    expect(said("refuseOffer").at(-1)).toEqual(["refuseOffer", 0, 2]);
  });

  it("asks a second neighbour for a late piece at the end, and stops the loser", () => {
    const { swarm, said } = swarmOf(4, { 1: [0, 1, 2, 3], 2: [0, 1, 2, 3] });
    for (let piece = 0; piece < 3; piece++) {
      swarm.onGrant(piece * 20, 1, 0);
      swarm.onPiece(piece * 20 + 10, 0, said("request").at(-1)?.[3] as number, 1);
    }
    swarm.onGrant(100, 1, 0);
    const last = said("request").at(-1)?.[3];
    swarm.tick(160);
    expect(said("request").at(-1)).toEqual(["request", 2, 0, last]);
    swarm.onPiece(170, 0, last as number, 2);
    expect(said("abort")).toEqual([["abort", 1, 0, last]]);
    expect(said("complete")).toHaveLength(1);
    swarm.onPiece(180, 0, last as number, 1);
    swarm.onPieceFailed(180, 0, last as number, 1, "failed");
    expect(said("blame")).toEqual([]);
  });

  it("fetches elsewhere what a neighbour was sending when it went away", () => {
    const { swarm, said } = swarmOf(4, { 1: [0], 2: [0] });
    swarm.onGrant(0, 1, 0);
    swarm.removeHost(5, 1);
    swarm.onGrant(6, 2, 0);
    expect(said("request").map((call) => call[1])).toEqual([1, 2]);
  });

  it("frees the slots of a neighbour that went away", () => {
    const { swarm, said } = recorded({ uploadSlots: 1 });
    swarm.open(0, 0, { taskKey: 1, pieceCount: 1, pieceLengthBytes: 1, have: Bitmap.full(1) });
    for (const host of [1, 2]) {
      swarm.addNeighbour(0, 0, host, host);
      swarm.onHello(0, host, 0, new Bitmap(1), 6, 0);
    }
    swarm.onUploadStart(1, 1, 0);
    swarm.removeHost(2, 1);
    expect(said("grant").map((call) => call[1])).toEqual([1, 2]);
    swarm.onUploadEnd(3, 1, 0, 5);
    expect(said("grant")).toHaveLength(2);
  });

  it("says that it starves, less and less often", () => {
    const { swarm, said } = swarmOf(4, { 1: [] });
    tickUntil(swarm, 50, 20_000);
    const starved = said("starve").length;
    expect(starved).toBeGreaterThan(4);
    expect(starved).toBeLessThan(12);
  });

  it("blames those whose pieces were wrong again while it starves, for the supernode may be a new one", () => {
    const { swarm, said } = swarmOf(40, { 1: [0], 2: [] });
    swarm.onGrant(1, 1, 0);
    swarm.onPieceFailed(2, 0, 0, 1, "corrupt");
    expect(said("blame")).toHaveLength(1);
    tickUntil(swarm, 50, 10_000);
    const blames = said("blame").slice(1);
    expect(blames).toHaveLength(said("starve").length);
    for (const blame of blames) expect(blame).toEqual(["blame", 0, 1, 0, "corrupt"]);
  });

  it("does not starve in a task that only waits for slots that others have", () => {
    const { swarm, said } = swarmOf(40, { 1: [0] }, { downloadSlots: 1 });
    swarm.open(0, 1, { taskKey: 2, pieceCount: 200, pieceLengthBytes: 1024 });
    swarm.addNeighbour(0, 1, 2, 2);
    swarm.onHello(0, 2, 1, Bitmap.full(200), 6, 0);
    swarm.supernodeLost(0);
    for (let nowMs = 0; nowMs < 10_000; nowMs += 50) {
      swarm.onGrant(nowMs, 2, 1);
      swarm.tick(nowMs + 1);
      swarm.onPiece(nowMs + 40, 1, said("request").at(-1)?.[3] as number, 2);
    }
    const ofFirst = said("requestOrigin").filter((call) => call[1] === 0);
    expect(ofFirst.filter((call) => call[2] === 0)).toEqual([]);
  });

  it("has fewer upload slots while what it serves takes longer than what it waits for", () => {
    const all = Array.from({ length: 64 }, (_, i) => i);
    const { swarm, said } = swarmOf(64, { 1: all, 2: [] });
    for (let i = 0; i < 32; i++) {
      swarm.onGrant(i * 10, 1, 0);
      swarm.onPiece(i * 10 + 5, 0, said("request").at(-1)?.[3] as number, 1);
    }
    swarm.tick(400);
    let running = 0;
    for (let i = 0; i < 60; i++) {
      while (swarm.onUploadStart(500 + i, 2, 0)) running += 1;
      swarm.onUploadEnd(500 + i, 2, 0, 100);
      running -= 1;
    }
    expect(running).toBeLessThan(3);
  });

  it("takes nothing from a host that is out, but serves it", () => {
    const { swarm, said } = swarmOf(4, { 1: [0] });
    swarm.onPiece(1, 0, 3, SEED);
    swarm.ban(1, 1, 1000);
    swarm.tick(3);
    expect(said("grant")).toEqual([["grant", 1, 0]]);
    swarm.onGrant(5, 1, 0);
    expect(said("request")).toEqual([]);
    swarm.onGrant(1002, 1, 0);
    expect(said("request")).toHaveLength(1);
  });

  it("survives any order of events with any arguments, within its slots", () => {
    const host = fc.integer({ min: -3, max: 4 });
    const task = fc.integer({ min: -1, max: 2 });
    const piece = fc.oneof(fc.integer({ min: -2, max: 80 }), fc.double(), fc.constant(2 ** 40));
    const number = fc.oneof(fc.integer({ min: -5, max: 10 }), fc.double());
    const map = fc.tuple(fc.nat(100), fc.array(fc.nat(99))).map(([length, pieces]) => {
      const have = new Bitmap(length);
      for (const index of pieces) if (index < length) have.add(index);
      return have;
    });
    const step = fc.tuple(fc.nat(19), host, task, piece, number, map, fc.nat(300));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer(), (steps, seed) => {
        let state = seed;
        const random = (): number => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 2 ** 31;
        const { swarm, said } = recorded({ downloadSlots: 3, offerExtraSlots: 1 }, random);
        swarm.open(0, 0, { taskKey: 1, pieceCount: 40, pieceLengthBytes: 2 ** 20 });
        swarm.open(0, 1, { taskKey: 2, pieceCount: 0, pieceLengthBytes: 2 ** 20 });
        let nowMs = 0;
        const open = new Set<string>();
        for (const [kind, from, of, index, value, have, waitMs] of steps) {
          nowMs += waitMs;
          const events = [
            () => swarm.addNeighbour(nowMs, of, from, value, value > 5),
            () => swarm.onHello(nowMs, from, of, have, value, value, value > 3 ? have : undefined),
            () => swarm.onHave(nowMs, from, of, [index, index + 1], value),
            () => swarm.onGrant(nowMs, from, of),
            () => swarm.onDecline(nowMs, from, of, "nothing", value),
            () => swarm.onOffer(nowMs, of, index),
            () => swarm.onUploadStart(nowMs, from, of),
            () => swarm.onUploadEnd(nowMs, from, of, value),
            () => swarm.onPiece(nowMs, of, index, from),
            () => swarm.onPieceFailed(nowMs, of, index, from, "failed"),
            () => swarm.onPieceFailed(nowMs, of, index, from, "corrupt"),
            () => swarm.readerAt(nowMs, of, index),
            () => swarm.want(nowMs, of, [index, value]),
            () => swarm.supernodeLost(nowMs),
            () => swarm.supernodeBack(nowMs),
            () => swarm.tick(nowMs),
            () => swarm.onClaim(nowMs, from, of, index, value, value),
            () => swarm.removeHost(nowMs, from),
            () => swarm.grow(nowMs, of, index),
            () => swarm.orphan(nowMs, of),
          ];
          events[kind]!();
        }
        swarm.tick(nowMs + 1000);
        for (const [name, from, of, index] of said("request")) {
          void name;
          expect(index).toBeTypeOf("number");
          open.add(`${String(from)}/${String(of)}/${String(index)}`);
        }
        for (const call of said("have")) {
          for (const index of call[3] as number[]) expect(Number.isInteger(index)).toBe(true);
        }
        expect(said("requestOrigin").every((call) => (call[3] as number) > 0)).toBe(true);
        expect(said("abort").every((c) => c[1] === ORIGIN || open.has(c.slice(1).join("/")))).toBe(
          true,
        );
      }),
      { numRuns: 300 },
    );
  });
});
