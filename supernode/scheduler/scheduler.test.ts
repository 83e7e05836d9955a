import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { bits, MIB, schedulerWith } from "./scheduler-fixture.ts";

describe("Scheduler offers", () => {
  it("gives a lone member every piece once, in order, a few at a time", () => {
    const { scheduler, said, add } = schedulerWith(50);
    add(0, 1);
    const first = said("offer").length;
    expect(first).toBeGreaterThan(2);
    expect(first).toBeLessThanOrEqual(8);
    for (let i = 0; i < 50; i++) scheduler.offerEnded(i, 0, 1, i);
    expect(said("offer").map((call) => call[3])).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it("gives each piece to one member, spread over all", () => {
    const { scheduler, said, add } = schedulerWith(100);
    for (let host = 0; host < 20; host++) add(0, host);
    for (let i = 0; i < said("offer").length; i++) {
      const [, host, , piece] = said("offer")[i]!;
      scheduler.offerEnded(i, 0, host as number, piece as number);
    }
    expect(new Set(said("offer").map((call) => call[3])).size).toBe(100);
    expect(said("offer")).toHaveLength(100);
    expect(new Set(said("offer").map((call) => call[1])).size).toBeGreaterThan(12);
  });

  it("offers nothing before a piece is ready, and a piece that is late to be ready at once", () => {
    const { scheduler, said } = schedulerWith(0);
    scheduler.growTask(0, 0, 3);
    scheduler.addHost(0, 1, "");
    scheduler.join(0, 0, 1, undefined);
    expect(said("offer")).toEqual([]);
    scheduler.pieceReady(5, 0, 2);
    expect(said("offer")).toEqual([["offer", 1, 0, 2]]);
  });

  it("keeps more in flight for a fast seed", () => {
    const slow = schedulerWith(100, { offersPerHost: 100 });
    slow.add(0, 1);
    const fast = schedulerWith(100, { offersPerHost: 100, seedBytesPerSecond: 12_500_000_000 });
    fast.add(0, 1);
    expect(fast.said("offer").length).toBeGreaterThan(4 * slow.said("offer").length);
    slow.scheduler.seedRate(1, 12_500_000_000);
    expect(slow.said("offer")).toHaveLength(fast.said("offer").length);
  });

  it("offers a refused piece to another member, and pauses the one that refused", () => {
    const { scheduler, said, add } = schedulerWith(1);
    add(0, 1);
    expect(said("offer")).toEqual([["offer", 1, 0, 0]]);
    add(1, 2);
    scheduler.refuseOffer(2, 0, 1, 0);
    expect(said("offer").at(-1)).toEqual(["offer", 2, 0, 0]);
  });

  it("does not run in circles with a lone member that refuses", () => {
    const { scheduler, said, add } = schedulerWith(1);
    add(0, 1);
    for (let nowMs = 1; nowMs <= 1000; nowMs++) {
      scheduler.refuseOffer(nowMs, 0, 1, 0);
      scheduler.tick(nowMs);
    }
    expect(said("offer").length).toBeGreaterThan(3);
    expect(said("offer").length).toBeLessThan(30);
  });

  it("offers again what a member was given that is gone, unless somebody else holds it", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(2);
    add(0, 1);
    scheduler.offerEnded(10, 0, 1, 0);
    scheduler.offerEnded(10, 0, 1, 1);
    add(11, 2, "", bits(2, [1]));
    takeAll();
    scheduler.removeHost(20, 1);
    expect(said("offer")).toEqual([["offer", 2, 0, 0]]);
  });

  it("takes an offer back that nobody hears of again", () => {
    const { scheduler, said, add } = schedulerWith(1, { offerTimeoutMs: 1000 });
    add(0, 1);
    add(1, 2);
    for (let nowMs = 100; nowMs < 900; nowMs += 100) scheduler.tick(nowMs);
    expect(said("offer")).toHaveLength(1);
    for (let nowMs = 900; nowMs < 1300; nowMs += 100) scheduler.tick(nowMs);
    expect(said("offer")).toHaveLength(2);
    expect(said("offer")[1]?.[1]).not.toBe(said("offer")[0]?.[1]);
  });

  it("goes on with others while a receiver hangs", () => {
    const { scheduler, said, add } = schedulerWith(200, { offersPerHost: 2 });
    add(0, 1);
    add(0, 2);
    add(0, 3);
    for (let nowMs = 1; nowMs < 2000; nowMs += 10) {
      for (const [, host, , piece] of said("offer")) {
        if (host !== 1) scheduler.offerEnded(nowMs, 0, host as number, piece as number);
      }
      if (nowMs % 100 === 1) scheduler.tick(nowMs);
    }
    expect(said("offer").length).toBeGreaterThan(190);
  });

  it("does not offer what members already hold when they join", () => {
    const { said, add } = schedulerWith(8);
    const { said: saidFresh, add: addFresh } = schedulerWith(8);
    add(0, 1, "", bits(8, [0, 1, 2, 3]));
    addFresh(0, 1);
    expect(said("offer").map((call) => call[3])).toEqual([4, 5, 6, 7]);
    expect(saidFresh("offer").map((call) => call[3])).toContain(0);
  });

  it("offers nothing to members that hold everything", () => {
    const { said, add } = schedulerWith(4);
    add(0, 1, "", Bitmap.full(4));
    add(1, 2, "", Bitmap.full(4));
    expect(said("offer")).toEqual([]);
  });

  it("serves several tasks in turn", () => {
    const { scheduler, said, add } = schedulerWith(100, { offersPerHost: 100 });
    scheduler.openTask(0, 1, 100, MIB);
    for (let piece = 0; piece < 100; piece++) scheduler.pieceReady(0, 1, piece);
    add(0, 1);
    scheduler.join(0, 1, 1, undefined);
    for (let i = 0; i < 40; i++) {
      const [, host, task, piece] = said("offer")[i]!;
      scheduler.offerEnded(i, task as number, host as number, piece as number);
    }
    const second = said("offer").filter((call) => call[2] === 1).length;
    expect(second).toBeGreaterThan(15);
    expect(second).toBeLessThan(30);
  });

  it("gives a late second member pieces from the seed too, from the end", () => {
    const { scheduler, said, add, takeAll } = schedulerWith(100);
    add(0, 1, "", Bitmap.full(100));
    add(1, 2);
    takeAll();
    for (let nowMs = 100; nowMs < 500; nowMs += 100) {
      scheduler.tick(nowMs);
      if (said("askProgress").length > 0) scheduler.progress(nowMs, 0, 2, new Bitmap(100));
    }
    expect(said("offer")[0]).toEqual(["offer", 2, 0, 99]);
  });
});

describe("Scheduler offers when members go", () => {
  it("offers a host nothing of one task while it leaves another", () => {
    const { scheduler, takeAll, add } = schedulerWith(4);
    scheduler.openTask(0, 1, 50, MIB);
    for (let piece = 0; piece < 50; piece++) scheduler.pieceReady(0, 1, piece);
    add(0, 1);
    scheduler.join(0, 1, 1, undefined);
    takeAll();
    scheduler.removeHost(1, 1);
    expect(takeAll().filter((call) => call[0] === "offer")).toEqual([]);
  });

  it("forgets further copies that were planned for fewer members", () => {
    const { scheduler, said, takeAll, add } = schedulerWith(100);
    add(0, 1, "", Bitmap.full(100));
    add(1, 2);
    // One offer takes up all that may be in flight, so that copies are planned and wait.
    scheduler.openTask(1, 1, 1, 64 * MIB);
    scheduler.pieceReady(1, 1, 0);
    scheduler.join(1, 1, 1, undefined);
    scheduler.progress(2, 0, 2, new Bitmap(100));
    for (let host = 3; host < 30; host++) add(3, host);
    takeAll();
    scheduler.offerEnded(4, 1, 1, 0);
    expect(said("offer")).toEqual([]);
  });
});
