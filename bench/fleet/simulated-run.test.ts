import { describe, expect, it } from "vitest";

import { parseKillSpec } from "./kill-spec.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { frameOf } from "./fleet-bench.ts";
import type { RunResult } from "./bench-result.ts";
import { simulatedRun } from "./simulated-run.ts";

const MIB = 1024 * 1024;
const OPTIONS: FleetBenchOptions = {
  nodeCount: 6,
  nodeMbit: 80,
  seedMbit: 80,
  originMbit: 80,
  fileLengthsBytes: [32 * MIB],
  heldLengthsBytes: [],
  filesAtOnce: 6,
  reads: undefined,
  zoneCount: 1,
  zoneMbit: undefined,
  queueMs: 10,
  staggerMs: 0,
  kills: [],
  pieceLengthBytes: undefined,
  warmUpBytes: 0,
  seed: 1,
  runCount: 1,
  isDirectMeasured: false,
  isSimulated: true,
  client: "socket",
};

function simulated(options: Partial<FleetBenchOptions>, cpuSeconds = 0, lastSeconds = 4) {
  const all = { ...OPTIONS, ...options };
  const arrivalsMs = Array.from({ length: all.nodeCount }, () => 0);
  const measured = { nodes_cpu_s: cpuSeconds, last_s: lastSeconds } as RunResult;
  return simulatedRun(all, measured, { frame: frameOf(all, arrivalsMs), arrivalsMs, coreCount: 2 });
}

describe("a run that was measured", () => {
  it("is simulated with its links, near its bound", () => {
    const run = simulated({})!;
    expect(run.ratio).toBeGreaterThan(1);
    expect(run.ratio).toBeLessThan(1.5);
    expect(run.deviation).toBeCloseTo(4 / run.last_s - 1, 3);
    expect(run.piece_ms).toBe(0);
  });

  it("takes longer where its processors are busier", () => {
    // 128 pieces of 256 KiB, sent and got by 6 nodes, of which 3 share a processor.
    const run = simulated({}, 20)!;
    expect(run.piece_ms).toBeCloseTo((20_000 / (2 * 128 * 6)) * 3, 1);
    expect(run.last_s).toBeGreaterThan(simulated({})!.last_s);
  });

  it("ends later where nodes begin later", () => {
    const arrivalsMs = [0, 0, 0, 0, 0, 5000];
    const measured = { nodes_cpu_s: 0, last_s: 9 } as RunResult;
    const frame = frameOf(OPTIONS, arrivalsMs);
    expect(
      simulatedRun(OPTIONS, measured, { frame, arrivalsMs, coreCount: 2 })?.last_s,
    ).toBeGreaterThan(5);
  });

  it("is not simulated where nodes were killed, nor where it is too large", () => {
    expect(simulated({ kills: [parseKillSpec("node:1@50%")!] })).toBeUndefined();
    expect(simulated({ nodeCount: 200, fileLengthsBytes: [20 * 1024 * MIB] })).toBeUndefined();
  });
});
