import { describe, expect, it } from "vitest";
import { simulate, type Outcome } from "./outcome.ts";
import { defaultScenario, MIB, type Scenario } from "./scenario.ts";

function run(changes: Partial<Scenario>): Outcome {
  return simulate({ ...defaultScenario, ...changes });
}

function task(sizeMib: number, pieceMib = 1): Scenario["tasks"] {
  return [{ sizeBytes: sizeMib * MIB, pieceBytes: pieceMib * MIB }];
}

describe("a distribution without faults", () => {
  it("takes a lone peer no longer than a plain download", () => {
    const outcome = run({ peers: 1 });
    expect(outcome.ratio).toBeLessThan(1.02);
    expect(outcome.seed_ratio).toBe(1);
  });

  it("takes a lone peer no longer when the seed is ten times as fast, or pieces are small", () => {
    expect(run({ peers: 1, seedMbit: 10_000 }).ratio).toBeLessThan(1.05);
    expect(run({ peers: 1, seedMbit: 10_000, isPaced: false }).ratio).toBeLessThan(1.05);
    expect(run({ peers: 1, tasks: task(32, 0.25) }).ratio).toBeLessThan(1.1);
  });

  it("ends near the bound for two, three and ten peers", () => {
    expect(run({ peers: 2 }).ratio).toBeLessThan(1.12);
    expect(run({ peers: 3 }).ratio).toBeLessThan(1.12);
    expect(run({ peers: 10 }).ratio).toBeLessThan(1.12);
  });

  it("ends near the bound for a hundred peers, each piece leaving the seed once", () => {
    const outcome = run({ peers: 100 });
    expect(outcome.ratio).toBeLessThan(1.15);
    expect(outcome.seed_ratio).toBe(1);
    expect(outcome.origin_bytes_ratio).toBe(1);
    expect(outcome.supernode_messages_per_piece).toBeLessThan(0.05);
  });

  it("gains from a seed that is faster than a peer", () => {
    const outcome = run({ peers: 100, seedMbit: 10_000 });
    expect(outcome.ratio).toBeLessThan(1.1);
    expect(outcome.seed_ratio).toBeLessThanOrEqual(1.05);
  });

  it("follows an origin that is slower than the seed without giving any piece twice", () => {
    const outcome = run({ peers: 50, originMbit: 100, tasks: task(64) });
    expect(outcome.ratio).toBeLessThan(1.05);
    expect(outcome.seed_ratio).toBeLessThanOrEqual(1.02);
  });

  it("brings small tasks to many peers in a few piece times", () => {
    const outcome = run({ peers: 100, tasks: task(4, 0.25) });
    expect(outcome.ratio).toBeLessThan(3.5);
  });

  it("lets readers take the pieces in order at little cost", () => {
    const outcome = run({ peers: 60, hasReaders: true });
    expect(outcome.ratio).toBeLessThan(1.2);
  });

  it("serves peers that arrive one after the other about as fast as their links allow", () => {
    const outcome = run({ peers: 60, staggerMs: 10_000, tasks: task(128) });
    expect(outcome.last_s).toBeLessThan(10 + 1.3 * outcome.bound_s);
    expect(outcome.seed_ratio).toBeLessThan(1.3);
  });

  it("fetches several tasks at a time, and starves none", () => {
    const tasks = [30, 2, 64, 1, 0.2].map((size) => ({
      sizeBytes: Math.ceil(size * MIB),
      pieceBytes: MIB / 4,
    }));
    const outcome = run({ peers: 30, tasks });
    expect(outcome.ratio).toBeLessThan(1.4);
    expect(outcome.seed_ratio).toBeLessThan(1.05);
  });

  it("brings every byte into each zone about once", () => {
    const outcome = run({ peers: 80, zones: 4, zoneMbit: 4000 });
    expect(outcome.zone_bytes_ratio).toBeLessThan(1.1);
    expect(outcome.seed_ratio).toBe(1);
    expect(outcome.ratio).toBeLessThan(1.3);
  });

  it("gives the same figures for the same seed, and others for another", () => {
    const first = run({ peers: 20, seed: 5, tasks: task(32) });
    expect(run({ peers: 20, seed: 5, tasks: task(32) })).toEqual(first);
    expect(run({ peers: 20, seed: 6, tasks: task(32) }).events).not.toBe(first.events);
  });
});
