import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { Scheduler, type SchedulerOptions, type SchedulerOut } from "./scheduler.ts";

type Call = readonly [name: string, ...args: unknown[]];
const MIB = 1024 * 1024;

/** A scheduler with task 0 of `pieceCount` pieces, all ready at the seed, and everything it says. */
function schedulerWith(pieceCount: number, options: Partial<SchedulerOptions> = {}) {
  const calls: Call[] = [];
  const out = new Proxy({} as SchedulerOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  let state = 1;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const scheduler = new Scheduler(options, out, random);
  scheduler.openTask(0, 0, pieceCount, MIB);
  for (let piece = 0; piece < pieceCount; piece++) scheduler.pieceReady(0, 0, piece);
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  const takeAll = (): Call[] => calls.splice(0);
  const add = (nowMs: number, host: number, zone = "", have?: Bitmap): readonly number[] => {
    scheduler.addHost(nowMs, host, zone);
    return scheduler.join(nowMs, 0, host, have);
  };
  return { scheduler, said, takeAll, add };
}

function bits(length: number, pieces: readonly number[]): Bitmap {
  const map = new Bitmap(length);
  for (const piece of pieces) map.add(piece);
  return map;
}

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

  it("knows what peers hold, and forgets it with them", () => {
    const { scheduler, add } = schedulerWith(0);
    scheduler.growTask(0, 0, 8);
    add(0, 1, "", bits(8, [0, 3]));
    add(0, 2, "", bits(8, [3, 5]));
    expect([...scheduler.heldByPeers(0)]).toEqual([0, 3, 5]);
    scheduler.removeHost(1, 1);
    expect([...scheduler.heldByPeers(0)]).toEqual([3, 5]);
    expect(scheduler.heldByPeers(7).length).toBe(0);
  });
});
