import { describe, expect, it } from "vitest";
import { Bitmap } from "../../protocol/bitmap.ts";
import {
  checkAnnounced,
  checkComplete,
  checkOriginRequest,
  checkSlots,
  checkStarvation,
  checkStored,
} from "./invariants.ts";
import { OfferLedger } from "./offer-ledger.ts";
import type { PeerNode } from "./peer-node.ts";
import { defaultScenario, MIB, noFaults } from "./scenario.ts";
import { SeedDisk } from "./seed-disk.ts";
import { SimulationError } from "./simulation-error.ts";
import { World } from "./world.ts";

const tasks = [{ sizeBytes: 8 * MIB, pieceBytes: MIB }];

describe("the checks of invariants", () => {
  it("fail when a piece is announced, or a task called complete, before it was verified", () => {
    const verified = new Bitmap(4);
    verified.add(1);
    checkAnnounced(0, verified, [1]);
    expect(() => checkAnnounced(0, verified, [1, 2])).toThrow("announced piece 2");
    expect(() => checkAnnounced(0, undefined, [1])).toThrow(SimulationError);
    expect(() => checkComplete(0, 0, verified)).toThrow("holds 1 pieces");
    checkComplete(0, 0, Bitmap.full(4));
  });

  it("fail when a peer stores bytes that are not the task's", () => {
    checkStored(3, 0, 5, true);
    expect(() => checkStored(3, 0, 5, false)).toThrow("bad bytes for piece 5");
    const { peer } = neighbours();
    expect(() => peer.stored(0, 7, 1, "corrupt")).toThrow("bad bytes for piece 7");
  });

  it("fail when more transfers run than there are slots", () => {
    checkSlots(1, "sends", 6, 6);
    expect(() => checkSlots(1, "sends", 7, 6)).toThrow("sends 7 pieces");
  });

  it("fail when the origin is asked for what a neighbour has held for a while", () => {
    const { other, peer } = neighbours();
    const ask = (nowMs: number): void => checkOriginRequest(nowMs, peer, 0, 7, 2);
    ask(10_000);
    other.stored(0, 7, -1, "good");
    ask(400);
    expect(() => ask(10_000)).toThrow("read piece 7");
    peer.distrustedMs.set(other.host, 9000);
    ask(10_000);
  });

  it("fail when a peer gets nothing although a neighbour holds what it lacks", () => {
    const { other, peer } = neighbours();
    checkStarvation(60_000, peer, 10_000);
    other.stored(0, 7, -1, "good");
    checkStarvation(5000, peer, 10_000);
    expect(() => checkStarvation(60_000, peer, 10_000)).toThrow("holds piece 7");
  });

  it("fail when the seed reads again what a peer told that it holds", () => {
    const { other, world } = neighbours();
    const disk = new SeedDisk(world, world.supernode.down);
    let processes = 0;
    const read = (): void => {
      const number = ++processes;
      const isCurrent = (): boolean => number === processes;
      disk.read(0, { isCurrent, held: () => new Bitmap(8), ready: () => {} });
    };
    disk.open(0);
    disk.restarted();
    read();
    disk.told(0, other, Bitmap.full(8));
    expect(read).toThrow(`peer ${other.host} had told`);
    disk.distrust(other.host);
    read();
  });

  it("end a strict run, and are counted in another", () => {
    const breach = (): void => checkSlots(0, "sends", 7, 6);
    const strict = new World({ ...defaultScenario, peers: 2, tasks });
    expect(() => strict.check(breach)).toThrow(SimulationError);
    const lenient = new World({ ...defaultScenario, peers: 2, tasks, isStrict: false });
    lenient.check(breach);
    expect(lenient.breaches).toHaveLength(1);
    expect(() => lenient.check(() => expect.fail("another error"))).toThrow("another error");
  });
});

describe("the ledger of offers", () => {
  it("fails when a piece is offered twice without cause", () => {
    const ledger = opened();
    expect(() => ledger.offered(100, 0, 1, 8, false)).toThrow("piece 1 of task 0");
  });

  it("lets a piece be offered again when its receiver refused it, vanished, or was not heard of", () => {
    const causes = [
      (ledger: OfferLedger) => ledger.refused(0, 1, 7),
      (ledger: OfferLedger) => ledger.gone(7),
      (ledger: OfferLedger) => ledger.starving(50, 8),
    ];
    for (const cause of causes) {
      const ledger = opened();
      cause(ledger);
      ledger.offered(100, 0, 1, 8, false);
    }
    opened().offered(700, 0, 1, 8, false);
    opened().offered(100, 0, 1, 8, true);
  });

  it("takes no other host's refusal or death for a cause", () => {
    for (const cause of [
      (ledger: OfferLedger) => ledger.refused(0, 1, 9),
      (ledger: OfferLedger) => ledger.refused(0, 2, 7),
      (ledger: OfferLedger) => ledger.gone(9),
      (ledger: OfferLedger) => ledger.starving(50, 9),
    ]) {
      const ledger = opened();
      cause(ledger);
      expect(() => ledger.offered(100, 0, 1, 8, false)).toThrow("without cause");
    }
  });
});

/** Piece 1 was offered to host 7 at the start. */
function opened(): OfferLedger {
  const ledger = new OfferLedger();
  ledger.open(0, 4);
  ledger.offered(0, 0, 1, 7, false);
  return ledger;
}

/** Two peers that exchange a task of which neither holds piece 7. */
function neighbours(): { world: World; peer: PeerNode; other: PeerNode } {
  const world = new World({ ...defaultScenario, peers: 2, tasks, faults: noFaults });
  const [peer, other] = [world.peers[0]!, world.peers[1]!];
  while ([...peer.neighbours(0)].length === 0) world.events.step();
  return { world, peer, other };
}
