import { describe, expect, it } from "vitest";
import { imageScenario } from "./image-workload.ts";
import { disturbedRatio, simulate } from "./outcome.ts";
import { defaultScenario, MIB, noFaults, type Scenario } from "./scenario.ts";

const small: Scenario = {
  ...defaultScenario,
  peers: 20,
  tasks: [{ sizeBytes: 32 * MIB, pieceBytes: MIB }],
};

describe("the simulated machinery", () => {
  it("slows down what queues, works on pieces one at a time, or connects slowly", () => {
    const plain = simulate(small).last_s;
    expect(simulate({ ...small, queueMs: 10 }).last_s).toBeGreaterThan(1.01 * plain);
    expect(simulate({ ...small, pieceMs: 4 }).last_s).toBeGreaterThan(1.02 * plain);
    expect(simulate({ ...small, connectMs: 500 }).last_s).toBeGreaterThan(0.5);
  });

  it("measures what the scheduler's methods take only when asked", () => {
    expect(simulate(small).supernode_cpu_s).toBe(0);
    const { supernode_cpu_s: seconds } = simulate({ ...small, measuresCpu: true });
    expect(seconds).toBeGreaterThan(0);
  });

  it("counts one request of the seed to the origin for each task", () => {
    expect(simulate(small).origin_requests).toBe(1);
    expect(simulate({ ...small, tasks: [...small.tasks, ...small.tasks] }).origin_requests).toBe(2);
  });

  it("shows how far readers are behind a perfect stream", () => {
    const outcome = simulate({ ...small, hasReaders: true });
    expect(outcome.reader_lag_mean_s).toBeGreaterThan(0);
    expect(outcome.reader_lag_mean_s).toBeLessThan(outcome.last_s / 2);
    expect(simulate(small).reader_lag_mean_s).toBe(0);
  });

  it("compares healthy peers with those of a run without faults", () => {
    const scenario = { ...small, faults: { ...noFaults, corrupters: 0.2 } };
    const outcome = simulate(scenario);
    expect(outcome.corrupt_pieces).toBeGreaterThan(0);
    expect(disturbedRatio(scenario, outcome)).toBeGreaterThan(0.95);
  });

  it("lets hosts pull images that share layers, and starves no task", () => {
    const scenario = imageScenario({
      seed: 3,
      images: 10,
      hosts: 40,
      spreadMs: 10_000,
      pullsMax: 2,
      layerBytes: 4 * MIB,
    });
    const layers = new Set(scenario.pulls!.flat().map((pull) => pull.tasks));
    for (const tasks of layers) expect(tasks.length).toBeGreaterThanOrEqual(5);
    const outcome = simulate(scenario);
    expect(outcome.slowdown_mean).toBeGreaterThanOrEqual(1);
    expect(outcome.slowdown_max).toBeGreaterThanOrEqual(outcome.slowdown_p99);
    expect(outcome.breaches).toEqual([]);
  });
});
