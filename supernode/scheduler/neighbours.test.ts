import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { Scheduler, STRIPE_COUNT, type SchedulerOptions, type SchedulerOut } from "./scheduler.ts";

type Call = readonly [name: string, ...args: unknown[]];

function recorded(options: Partial<SchedulerOptions> = {}, seed = 1) {
  const calls: Call[] = [];
  const out = new Proxy({} as SchedulerOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  let state = seed;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const scheduler = new Scheduler(options, out, random);
  scheduler.openTask(0, 0, 16, 1024);
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  return { scheduler, said };
}

/** Joins `count` hosts and returns who is whose neighbour. */
function joinMany(scheduler: Scheduler, count: number, zone: (host: number) => string) {
  const links = Array.from({ length: count }, () => new Set<number>());
  for (let host = 0; host < count; host++) {
    scheduler.addHost(host, host, zone(host));
    for (const other of scheduler.join(host, 0, host, undefined)) {
      links[host]!.add(other);
      links[other]!.add(host);
    }
  }
  return links;
}

/** Who brings in which stripe, as last told, per zone. */
function importers(said: readonly Call[], zone: (host: number) => string): Map<string, number[]> {
  const last = new Map<number, Bitmap>();
  for (const [, host, , mask] of said) last.set(host as number, mask as Bitmap);
  const zones = new Map<string, number[]>();
  for (const [host, mask] of last) {
    const counts = zones.get(zone(host)) ?? Array.from({ length: STRIPE_COUNT }, () => 0);
    for (const stripe of mask) counts[stripe]! += 1;
    zones.set(zone(host), counts);
  }
  return zones;
}

describe("Scheduler neighbours", () => {
  it("gives about the degree, never much more, whatever the number of members", () => {
    const { scheduler } = recorded({ degree: 16 });
    const links = joinMany(scheduler, 500, () => "");
    const degrees = links.map((set) => set.size);
    expect(Math.max(...degrees)).toBeLessThanOrEqual(40);
    expect(degrees.reduce((sum, degree) => sum + degree) / 500).toBeGreaterThan(14);
    expect(degrees.reduce((sum, degree) => sum + degree) / 500).toBeLessThan(17);
  });

  it("connects all members of a zone with each other, over others", () => {
    const { scheduler } = recorded();
    const links = joinMany(scheduler, 300, () => "");
    const reached = new Set([0]);
    for (const host of reached) for (const other of links[host]!) reached.add(other);
    expect(reached.size).toBe(300);
  });

  it("gives every other member as neighbour while there are few", () => {
    const { scheduler } = recorded();
    const links = joinMany(scheduler, 6, () => "");
    expect(links.every((set) => set.size === 5)).toBe(true);
  });

  it("has near neighbours only inside the zone", () => {
    const { scheduler } = recorded();
    const links = joinMany(scheduler, 60, (host) => `eu|${host % 3}`);
    for (const [host, set] of links.entries()) {
      for (const other of set) expect(other % 3).toBe(host % 3);
    }
  });

  it("names one member per zone for each stripe, and tells nobody in a single zone", () => {
    const single = recorded();
    joinMany(single.scheduler, 50, () => "eu|a");
    single.scheduler.tick(100);
    expect(single.said("stripes")).toEqual([]);
    const { scheduler, said } = recorded();
    const zone = (host: number): string => `eu|${host % 4}`;
    joinMany(scheduler, 120, zone);
    scheduler.tick(200);
    const zones = importers(said("stripes"), zone);
    expect(zones.size).toBe(4);
    for (const counts of zones.values()) expect(counts.every((count) => count === 1)).toBe(true);
  });

  it("gives the stripes of a member that leaves to others of its zone", () => {
    const { scheduler, said } = recorded();
    const zone = (host: number): string => `eu|${host % 2}`;
    joinMany(scheduler, 20, zone);
    scheduler.tick(100);
    scheduler.removeHost(200, 4);
    scheduler.tick(300);
    const calls = said("stripes").filter((call) => call[1] !== 4);
    expect(
      importers(calls, zone)
        .get("eu|0")!
        .every((count) => count === 1),
    ).toBe(true);
  });

  it("links each importer with other zones", () => {
    const { scheduler, said } = recorded({ farDegree: 3 });
    joinMany(scheduler, 40, (host) => `eu|${host % 4}`);
    scheduler.tick(100);
    const far = said("neighbours").filter((call) => call[4] === true);
    const linked = new Set(far.map((call) => call[1]));
    expect(linked.size).toBe(40);
    for (const [, host, , others] of far) {
      for (const other of others as number[]) expect(other % 4).not.toBe((host as number) % 4);
    }
  });

  it("lets only one rack of a region have neighbours in other regions", () => {
    const { scheduler, said } = recorded();
    const zone = (host: number): string => `r${host % 2}|z|k${host % 10}`;
    joinMany(scheduler, 100, zone);
    scheduler.tick(200);
    const gates = new Set<number>();
    for (const [, host, , others, far] of said("neighbours")) {
      if (far !== true) continue;
      for (const other of others as number[]) {
        if (other % 2 !== (host as number) % 2) gates.add((host as number) % 10);
      }
    }
    expect(gates.size).toBe(2);
  });

  it("does O(degree) work and keeps little per member with fifty thousand of them", () => {
    const { scheduler } = recorded();
    const links = joinMany(scheduler, 50_000, () => "");
    expect(links[49_999]!.size).toBe(12);
  });
});

describe("Scheduler over a long time", () => {
  it("has neighbours for everyone, also after hundreds have come and gone", () => {
    const { scheduler } = recorded();
    joinMany(scheduler, 20, () => "");
    for (let host = 20; host < 420; host++) {
      scheduler.addHost(host, host, "");
      expect(scheduler.join(host, 0, host, undefined).length).toBeGreaterThanOrEqual(3);
      if (host % 2 === 0) scheduler.removeHost(host, host);
      else scheduler.leave(host, 0, host);
    }
  });

  it("looks at tasks only to which something happens", () => {
    const { scheduler, said } = recorded();
    for (let host = 0; host < 4; host++) scheduler.addHost(0, host, "");
    for (let task = 1; task <= 5000; task++) {
      scheduler.openTask(0, task, 64, 1024);
      for (let host = 0; host < 4; host++) scheduler.join(0, task, host, Bitmap.full(64));
    }
    scheduler.tick(1000);
    joinMany(scheduler, 4, () => "");
    const before = process.cpuUsage();
    for (let i = 0; i < 2000; i++) {
      scheduler.pieceReady(1000 + i, 0, i % 16);
      scheduler.progress(1000 + i, 0, 1, new Bitmap(16));
    }
    // Looking at all of them takes some ten seconds.
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(2);
    expect(said("offer").length).toBeGreaterThan(0);
  });
});

describe("Scheduler blame", () => {
  it("puts a host out for everyone when different members accuse it", () => {
    const { scheduler, said } = recorded({ badAfter: 2, banMs: 1000 });
    joinMany(scheduler, 10, () => "");
    scheduler.blame(20, 0, 1, 5, "corrupt");
    scheduler.blame(21, 0, 1, 5, "corrupt");
    expect(said("ban")).toEqual([]);
    scheduler.blame(22, 0, 2, 5, "corrupt");
    expect(said("ban")).toEqual([["ban", [5], 1000]]);
  });

  it("gives a host that is out to nobody as neighbour, and no first copies", () => {
    const { scheduler, said } = recorded({ degree: 40, banMs: 10_000 });
    joinMany(scheduler, 10, () => "");
    scheduler.blame(20, 0, 1, 5, "corrupt");
    scheduler.blame(20, 0, 2, 5, "corrupt");
    scheduler.addHost(30, 10, "");
    expect(scheduler.join(30, 0, 10, undefined)).not.toContain(5);
    for (let piece = 0; piece < 16; piece++) {
      scheduler.pieceReady(40, 0, piece);
      const [, host, , index] = said("offer").at(-1)!;
      scheduler.offerEnded(41, 0, host as number, index as number);
    }
    expect(said("offer")).toHaveLength(16);
    expect(said("offer").some((call) => call[1] === 5)).toBe(false);
  });

  it("puts a host out twice as long the next time", () => {
    const { scheduler, said } = recorded({ banMs: 1000 });
    joinMany(scheduler, 10, () => "");
    for (const nowMs of [100, 2000]) {
      for (const accuser of [1, 2]) scheduler.blame(nowMs, 0, accuser, 5, "corrupt");
    }
    expect(said("ban").map((call) => call[2])).toEqual([1000, 2000]);
  });

  it("forgets accusations after a while", () => {
    const { scheduler, said } = recorded({ blameWindowMs: 1000 });
    joinMany(scheduler, 10, () => "");
    scheduler.blame(100, 0, 1, 5, "slow");
    scheduler.blame(1200, 0, 2, 5, "slow");
    expect(said("ban")).toEqual([]);
  });

  it("does not put more than a fifth of the hosts out for being slow", () => {
    const { scheduler, said } = recorded({ slowBanShareMax: 0.2 });
    joinMany(scheduler, 50, () => "");
    for (let accused = 0; accused < 50; accused++) {
      for (let accuser = 0; accuser < 50; accuser++) {
        scheduler.blame(100, 0, accuser, accused, "slow");
      }
    }
    expect(said("ban").length).toBeLessThanOrEqual(10);
  });

  it("does not believe a pair that accuses everybody", () => {
    const { scheduler, said } = recorded({ accusationsMax: 8 });
    joinMany(scheduler, 50, () => "");
    for (let accused = 2; accused < 50; accused++) {
      scheduler.blame(100, 0, 0, accused, "corrupt");
      scheduler.blame(100, 0, 1, accused, "corrupt");
    }
    expect(said("ban").length).toBeLessThanOrEqual(8);
  });

  it("does not believe a pair for longer either, nor one that is out itself", () => {
    const { scheduler, said } = recorded({ accusationsMax: 8 });
    joinMany(scheduler, 50, () => "");
    for (let nowMs = 100; nowMs < 1_800_000; nowMs += 40_000) {
      for (let accused = 2; accused < 50; accused++) {
        for (const accuser of [0, 1]) scheduler.blame(nowMs, 0, accuser, accused, "corrupt");
      }
    }
    expect(said("ban").length).toBeLessThanOrEqual(8);
    const nowMs = 4_000_000;
    for (const accuser of [40, 41]) scheduler.blame(nowMs, 0, accuser, 45, "corrupt");
    for (const accuser of [42, 45]) scheduler.blame(nowMs + 1, 0, accuser, 46, "corrupt");
    const out = said("ban").map((call) => (call[1] as number[])[0]);
    expect(out).toContain(45);
    expect(out).not.toContain(46);
  });

  it("begins anew with a host that was put out long ago", () => {
    const { scheduler, said } = recorded({ banMs: 1000 });
    joinMany(scheduler, 10, () => "");
    for (const nowMs of [100, 4_000_000]) {
      for (const accuser of [1, 2]) scheduler.blame(nowMs, 0, accuser, 5, "corrupt");
    }
    expect(said("ban").map((call) => call[2])).toEqual([1000, 1000]);
  });

  it("keeps a host out that was out under another number", () => {
    const { scheduler, said } = recorded();
    joinMany(scheduler, 3, () => "");
    scheduler.addHost(10, 7, "");
    scheduler.stillOut(10, 7, 5000);
    scheduler.join(10, 0, 7, Bitmap.full(16));
    expect(scheduler.heldByPeers(0).count).toBe(0);
    for (let piece = 0; piece < 16; piece++) scheduler.pieceReady(20, 0, piece);
    expect(said("offer").length).toBeGreaterThan(0);
    expect(said("offer").some((call) => call[1] === 7)).toBe(false);
  });

  it("believes only members of the task, and not of themselves", () => {
    const { scheduler, said } = recorded({ badAfter: 1 });
    joinMany(scheduler, 3, () => "");
    scheduler.addHost(10, 7, "");
    scheduler.blame(10, 0, 7, 1, "corrupt");
    scheduler.blame(10, 0, 1, 1, "corrupt");
    scheduler.blame(10, 5, 0, 1, "corrupt");
    scheduler.blame(10, 0, 0, 99, "corrupt");
    expect(said("ban")).toEqual([]);
  });
});

describe("Scheduler against any input", () => {
  it("survives any order of events, and offers no piece twice at a time", () => {
    const host = fc.integer({ min: -1, max: 6 });
    const piece = fc.oneof(fc.integer({ min: -2, max: 24 }), fc.double());
    const map = fc.tuple(fc.nat(40), fc.array(fc.nat(39))).map(([length, pieces]) => {
      const have = new Bitmap(length);
      for (const index of pieces) if (index < length) have.add(index);
      return have;
    });
    const step = fc.tuple(fc.nat(13), host, fc.nat(1), piece, map, host, fc.nat(700));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 150 }),
        fc.integer({ min: 1, max: 1e6 }),
        (steps, seed) => {
          const { scheduler, said } = recorded({}, seed);
          let nowMs = 0;
          for (const [kind, from, task, index, have, other, waitMs] of steps) {
            nowMs += waitMs;
            const events = [
              () =>
                scheduler.addHost(
                  nowMs,
                  from,
                  ["", "a", "a|b", "a|b|c", "|||||"][index & 3] ?? "z",
                ),
              () => scheduler.join(nowMs, task, from, have),
              () => scheduler.pieceReady(nowMs, task, index),
              () => scheduler.offerEnded(nowMs, task, from, index),
              () => scheduler.refuseOffer(nowMs, task, from, index),
              () => scheduler.blame(nowMs, task, from, other, "failed"),
              () => scheduler.starve(nowMs, task, from),
              () => scheduler.progress(nowMs, task, from, have),
              () => scheduler.leave(nowMs, task, from),
              () => scheduler.removeHost(nowMs, from),
              () => scheduler.growTask(nowMs, task, index < 40 ? index : 1e300),
              () => scheduler.tick(nowMs),
              () => scheduler.openTask(nowMs, task, 20, 1024),
              () => scheduler.closeTask(nowMs, task),
            ];
            events[kind]!();
          }
          scheduler.tick(nowMs + 10_000);
          for (const [, , , index] of said("offer")) expect(Number.isInteger(index)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
