import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import { PartDemand } from "./part-demand.ts";

function stage() {
  let nowMs = 5000;
  const ready = new Bitmap(16);
  const elsewhere = new Bitmap(16);
  const offers: [host: number, pieces: readonly number[]][] = [];
  const reads: (readonly number[])[] = [];
  const gone = new Set<number>();
  const demand = new PartDemand({
    clock: { nowMs: () => nowMs, sleep: async () => undefined },
    pieces: { count: 16, isHeld: (piece) => ready.has(piece) },
    heldByMembers: () => elsewhere,
    offer: (to, pieces) => !gone.has(to) && offers.push([to, pieces]) > 0,
    read: (pieces) => reads.push(pieces),
  });
  const advance = (ms: number): void => void (nowMs += ms);
  return { advance, gone, ready, elsewhere, offers, reads, demand };
}

describe("the demand for parts of a task", () => {
  it("reads a piece once, whoever wants it, and offers it to one of those who wait", () => {
    const { demand, ready, offers, reads } = stage();
    demand.want(1, [5, 3, 5], false);
    demand.want(2, [3], false);
    expect(reads).toEqual([[3, 5]]);
    expect(offers).toEqual([]);
    ready.add(3);
    demand.ready(3);
    expect(offers).toEqual([[1, [3]]]);
    demand.ready(3);
    expect(offers).toHaveLength(1);
  });

  it("offers it to the next of them when the first has gone meanwhile", () => {
    const { demand, ready, offers, gone } = stage();
    demand.want(1, [3], false);
    demand.want(2, [3], false);
    demand.want(4, [3], false);
    gone.add(1);
    ready.add(3);
    demand.ready(3);
    expect(offers).toEqual([[2, [3]]]);
  });

  it("offers nothing to, and aborts nothing of, a node that has got the number of one that left", () => {
    const { demand, ready, offers } = stage();
    demand.want(1, [3, 4], false);
    demand.want(2, [4], false);
    demand.left(1);
    ready.add(3);
    demand.ready(3);
    expect(offers).toEqual([]);
    expect([...demand.failed([4])]).toEqual([2]);
  });

  it("offers at once what is there, and ignores what the task does not have", () => {
    const { demand, ready, offers, reads } = stage();
    ready.add(0);
    demand.want(1, [0, 16, 99], false);
    expect(offers).toEqual([[1, [0]]]);
    expect(reads).toEqual([]);
  });

  it("gives one copy at a time, and more to who asks again or asks later", () => {
    const { demand, ready, offers, advance } = stage();
    ready.add(7);
    for (let host = 0; host < 6; host++) demand.want(host, [7], false);
    expect(offers.map(([host]) => host)).toEqual([0]);
    demand.want(5, [7], true);
    expect(offers.map(([host]) => host)).toEqual([0, 5]);
    advance(999);
    demand.want(4, [7], false);
    expect(offers.map(([host]) => host)).toEqual([0, 5]);
    advance(1);
    demand.want(4, [7], false);
    expect(offers.map(([host]) => host)).toEqual([0, 5, 4]);
  });

  it("reads what a member holds only for who asked that member in vain", () => {
    const { demand, elsewhere, reads } = stage();
    elsewhere.add(4);
    demand.want(1, [4, 5], false);
    expect(reads).toEqual([[5]]);
    demand.want(1, [4], true);
    expect(reads).toEqual([[5], [4]]);
  });

  it("reads again what the seed has lost meanwhile, and offers it then", () => {
    const { demand, ready, offers, reads } = stage();
    ready.add(3);
    demand.want(1, [3], false);
    ready.delete(3);
    demand.want(1, [3], true);
    expect(reads).toEqual([[3]]);
    ready.add(3);
    demand.ready(3);
    expect(offers).toEqual([
      [1, [3]],
      [1, [3]],
    ]);
  });

  it("reads again what could not be read, and says who waited", () => {
    const { demand, reads } = stage();
    demand.want(1, [1, 2], false);
    demand.want(2, [2], false);
    expect([...demand.failed([1, 2])]).toEqual([1, 2]);
    demand.want(2, [2], true);
    expect(reads).toEqual([[1, 2], [2]]);
  });
});
