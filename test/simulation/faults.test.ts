import { describe, expect, it } from "vitest";
import { outcomeOf, simulate, type Outcome } from "./outcome.ts";
import { defaultScenario, noFaults, type Faults, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

function scenario(faults: Partial<Faults>, changes: Partial<Scenario> = {}): Scenario {
  return { ...defaultScenario, peers: 60, faults: { ...noFaults, ...faults }, ...changes };
}

function run(faults: Partial<Faults>, changes: Partial<Scenario> = {}): Outcome {
  return simulate(scenario(faults, changes));
}

describe("a distribution with faults", () => {
  it("hardly slows down when a tenth of the peers die", () => {
    const outcome = run({ deaths: 0.1 });
    expect(outcome.ratio).toBeLessThan(1.3);
    expect(outcome.seed_ratio).toBeLessThan(1.1);
  });

  it("finishes when a tenth of the peers fall silent", () => {
    const outcome = run({ silentDeaths: 0.1 });
    expect(outcome.ratio).toBeLessThan(1.8);
    expect(outcome.seed_ratio).toBeLessThan(1.3);
  });

  it("does not let slow peers hold the others up", () => {
    const undisturbed = run({});
    const outcome = run({ slow: 0.1 });
    expect(outcome.healthy_ratio).toBeLessThan(1.3 * undisturbed.ratio);
  });

  it("gets past uploads that stall", () => {
    expect(run({ stallers: 0.1 }).healthy_ratio).toBeLessThan(1.6);
  });

  it("puts corrupters out for everyone, and everybody ends with good pieces", () => {
    const world = new World(scenario({ corrupters: 0.05 }, { seed: 3 }));
    world.run();
    const outcome = outcomeOf(world);
    const corrupters = world.peers.filter((peer) => peer.faults.isCorrupter);
    expect(corrupters.length).toBeGreaterThan(0);
    for (const peer of corrupters) {
      expect(world.supernode.bans.get(peer.host) ?? 0).toBeLessThan(5000);
    }
    expect(outcome.corrupt_pieces).toBeLessThan(60);
    expect(outcome.healthy_ratio).toBeLessThan(1.4);
  });

  it("finishes without the supernode, the peers sharing the origin among themselves", () => {
    const outcomes = [1, 2, 3, 4, 5].map((seed) =>
      run({ supernodeDies: 0.3 }, { originMbit: 1000, seed }),
    );
    for (const outcome of outcomes) expect(outcome.origin_bytes_ratio).toBeLessThan(1.2);
    // In a single run the last pieces may have to wait for a claim to lapse.
    const ratios = outcomes.map(({ ratio }) => ratio).sort((a, b) => a - b);
    expect(ratios[2]).toBeLessThan(2);
  });

  it("finishes without the supernode when peers die and the origin fails, too", () => {
    const faults = { supernodeDies: 0.2, deaths: 0.1, silentDeaths: 0.05, originFails: 0.2 };
    const outcome = run(faults, { originMbit: 1000 });
    expect(outcome.origin_bytes_ratio).toBeLessThan(1.5);
  });

  it("lets a lone peer finish from the origin when the supernode dies", () => {
    const outcome = run({ supernodeDies: 0.3 }, { peers: 1, originMbit: 1000 });
    expect(outcome.origin_bytes_ratio).toBeLessThan(1.1);
    expect(outcome.ratio).toBeLessThan(2);
  });

  it("goes on where it was when the supernode is back, and fetches nothing that peers hold", () => {
    const outcome = run({ supernodeDies: 0.3, supernodeReturns: 0.6 }, { originMbit: 1000 });
    expect(outcome.origin_bytes_ratio).toBeLessThan(1.05);
    expect(outcome.ratio).toBeLessThan(2.2);
  });

  it("gets every byte into a zone whose importers die", () => {
    const outcome = run({ deaths: 0.2 }, { peers: 60, zones: 3, zoneMbit: 5000 });
    expect(outcome.ratio).toBeLessThan(1.8);
    expect(outcome.zone_bytes_ratio).toBeLessThan(1.6);
  });
});
