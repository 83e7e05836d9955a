import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { bits, schedulerWith } from "./scheduler-fixture.ts";

describe("Scheduler repairs", () => {
  it("does not give a piece to anyone else while a starving member is sent a copy of it", () => {
    const { scheduler, said, takeAll, add } = schedulerWith(1);
    for (let host = 1; host < 9; host++) add(0, host);
    const receiver = said("offer")[0]?.[1] as number;
    scheduler.offerEnded(1, 0, receiver, 0);
    const [first, second] = [1, 2, 3].filter((host) => host !== receiver) as [number, number];
    const starve = (nowMs: number, host: number): void => {
      scheduler.starve(nowMs, 0, host);
      scheduler.progress(nowMs, 0, host, new Bitmap(1));
    };
    // The receiver has the piece, so that it is not fresh, and then has gone.
    scheduler.progress(2, 0, receiver, Bitmap.full(1));
    for (const nowMs of [600, 610, 620]) starve(nowMs, first);
    expect(said("offer").at(-1)).toEqual(["offer", first, 0, 0]);
    takeAll();
    scheduler.removeHost(630, receiver);
    for (const nowMs of [1200, 1210]) starve(nowMs, second);
    expect(said("offer")).toEqual([]);
    // It refuses, and the piece is to be had by others.
    scheduler.refuseOffer(1220, 0, first, 0);
    starve(1230, second);
    expect(said("offer").length).toBeGreaterThan(0);
  });

  it("leaves it at the copy that a starving member was sent when the first receiver hangs", () => {
    const { scheduler, said, takeAll, add } = schedulerWith(1, { offerTimeoutMs: 1000 });
    for (let host = 1; host < 9; host++) add(0, host);
    const receiver = said("offer")[0]?.[1] as number;
    const hungry = receiver === 1 ? 2 : 1;
    for (const nowMs of [900, 910, 920]) {
      scheduler.starve(nowMs, 0, hungry);
      scheduler.progress(nowMs, 0, hungry, new Bitmap(1));
    }
    expect(said("offer").at(-1)).toEqual(["offer", hungry, 0, 0]);
    scheduler.offerEnded(980, 0, hungry, 0);
    takeAll();
    scheduler.tick(1010);
    expect(said("offer")).toEqual([]);
  });

  it("waits for a piece that was sent just now before it gives it to somebody else", () => {
    const { scheduler, said, takeAll, add } = schedulerWith(1);
    for (let host = 1; host < 9; host++) add(0, host);
    const receiver = said("offer")[0]?.[1] as number;
    const other = receiver === 1 ? 2 : 1;
    scheduler.offerEnded(700, 0, receiver, 0);
    takeAll();
    for (const nowMs of [710, 720]) {
      scheduler.starve(nowMs, 0, other);
      scheduler.progress(nowMs, 0, other, new Bitmap(1));
    }
    expect(said("offer")).toEqual([]);
  });

  it("offers a piece again when its receiver turns out not to have it", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(1);
    for (let host = 1; host < 5; host++) add(0, host);
    const receiver = said("offer")[0]?.[1] as number;
    scheduler.offerEnded(10, 0, receiver, 0);
    takeAll();
    for (let nowMs = 100; nowMs < 3000; nowMs += 100) {
      scheduler.tick(nowMs);
      for (const [, host] of said("askProgress")) {
        scheduler.progress(nowMs, 0, host as number, new Bitmap(1));
      }
    }
    expect(said("offer").length).toBeGreaterThan(0);
  });

  it("does not offer a piece again while its receiver has it", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(1);
    for (let host = 1; host < 5; host++) add(0, host);
    const receiver = said("offer")[0]?.[1] as number;
    scheduler.offerEnded(10, 0, receiver, 0);
    takeAll();
    for (let nowMs = 100; nowMs < 20_000; nowMs += 100) {
      scheduler.tick(nowMs);
      for (const [, host] of takeAll().filter((call) => call[0] === "askProgress")) {
        const have = host === receiver ? Bitmap.full(1) : new Bitmap(1);
        scheduler.progress(nowMs, 0, host as number, have);
      }
      expect(said("offer")).toEqual([]);
    }
  });

  it("asks few members, and nobody any more when all is confirmed", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(1, { sentinels: 4 });
    for (let host = 1; host < 100; host++) add(0, host);
    scheduler.offerEnded(10, 0, said("offer")[0]?.[1] as number, 0);
    takeAll();
    scheduler.tick(600);
    const asked = said("askProgress").map((call) => call[1] as number);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(8);
    for (const host of asked) scheduler.progress(601, 0, host, Bitmap.full(1));
    takeAll();
    for (let nowMs = 700; nowMs < 5000; nowMs += 100) scheduler.tick(nowMs);
    expect(said("askProgress")).toEqual([]);
  });

  it("asks one sentinel where members are few", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(1);
    for (let host = 1; host <= 8; host++) add(0, host);
    scheduler.offerEnded(10, 0, said("offer")[0]?.[1] as number, 0);
    takeAll();
    scheduler.tick(600);
    expect(said("askProgress")).toHaveLength(1);
  });

  it("feeds a member that goes on starving from the seed itself", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(20);
    add(0, 1, "", Bitmap.full(20));
    add(0, 2);
    add(0, 3);
    add(0, 4);
    add(0, 5);
    takeAll();
    for (let nowMs = 1000; nowMs < 6000; nowMs += 1000) {
      scheduler.starve(nowMs, 0, 2);
      scheduler.progress(nowMs + 1, 0, 2, bits(20, [0]));
    }
    expect(said("neighbours").some((call) => call[1] === 2)).toBe(true);
    const offered = said("offer")
      .filter((call) => call[1] === 2)
      .map((call) => call[3]);
    expect(offered.slice(0, 2)).toEqual([1, 2]);
  });

  it("gives a starving member nothing when there is nothing new for anybody", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(0);
    scheduler.growTask(0, 0, 10);
    for (let host = 1; host < 8; host++) add(0, host);
    takeAll();
    for (let nowMs = 1000; nowMs < 9000; nowMs += 1000) {
      scheduler.starve(nowMs, 0, 2);
      scheduler.progress(nowMs + 1, 0, 2, new Bitmap(10));
    }
    expect(said("neighbours")).toEqual([]);
    expect(said("offer")).toEqual([]);
  });

  it("gives out what a member alone claims to hold when others starve for it", () => {
    const { scheduler, said, add } = schedulerWith(64);
    add(0, 1, "", Bitmap.full(64));
    for (let host = 2; host < 8; host++) add(0, host);
    const got = new Map<number, Bitmap>();
    for (let nowMs = 100; nowMs <= 10_000; nowMs += 100) {
      scheduler.tick(nowMs);
      for (let host = 2; host < 8; host++) {
        if (nowMs % 500 === 0) scheduler.starve(nowMs, 0, host);
        scheduler.progress(nowMs, 0, host, got.get(host) ?? new Bitmap(64));
      }
      scheduler.progress(nowMs, 0, 1, Bitmap.full(64));
      for (const [, to, , piece] of said("offer")) {
        const have = got.get(to as number) ?? new Bitmap(64);
        got.set(to as number, have);
        have.add(piece as number);
        scheduler.offerEnded(nowMs, 0, to as number, piece as number);
      }
    }
    const pieces = new Set(said("offer").map((call) => call[3]));
    expect(pieces.size).toBe(64);
  });

  it("counts on nobody any more for what a member has starved for too long", () => {
    const { scheduler, add } = schedulerWith(0);
    scheduler.growTask(0, 0, 4);
    add(0, 1, "", bits(4, [0, 1, 2, 3]));
    add(0, 2, "", bits(4, [0]));
    let held = bits(4, [0]);
    for (let nowMs = 1000; nowMs <= 30_000; nowMs += 1000) {
      // What it gets in between shows that it can be helped by others.
      if (nowMs === 10_000) held = bits(4, [0, 1]);
      scheduler.starve(nowMs, 0, 2);
      scheduler.progress(nowMs, 0, 2, held);
      expect(scheduler.heldByPeers(0).count).toBe(nowMs < 25_000 ? 4 : 2);
    }
  });

  it("knows what peers hold, and forgets it with them when nobody else says that he holds it", () => {
    const { scheduler, add } = schedulerWith(0);
    scheduler.growTask(0, 0, 8);
    add(0, 1, "", bits(8, [0, 3]));
    add(0, 2, "", bits(8, [3, 5]));
    expect([...scheduler.heldByPeers(0)]).toEqual([0, 3, 5]);
    scheduler.removeHost(1, 1);
    expect([...scheduler.heldByPeers(0)]).toEqual([0, 3, 5]);
    for (let nowMs = 500; nowMs < 10_000; nowMs += 500) {
      scheduler.tick(nowMs);
      scheduler.progress(nowMs, 0, 2, bits(8, [3, 5]));
    }
    expect([...scheduler.heldByPeers(0)]).toEqual([3, 5]);
    expect(scheduler.heldByPeers(7).length).toBe(0);
  });
});
