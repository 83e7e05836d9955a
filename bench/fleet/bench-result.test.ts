import { describe, expect, it } from "vitest";

import { runResult } from "./bench-result.ts";
import type { RunFrame, RunRecord } from "./bench-result.ts";
import type { FleetFigures } from "./fleet-figures.ts";
import { PAYLOAD_FACTOR } from "./payload-rate.ts";

const FRAME: RunFrame = {
  bound: { name: "origin", seconds: 10 },
  wantedBytes: 1000,
  pieceCount: 5,
};

function figures(step: number): FleetFigures {
  const node = (seed: number, peer: number) => ({
    received: { seed: 10 + seed * step, peer: peer * step, origin: 0, total: (seed + peer) * step },
    cpuSeconds: 1 + step,
  });
  return {
    supernode: {
      seedSentBytes: 100 + 1100 * step,
      frames: { hello: 3, offer: 4 + 2 * step },
      cpuSeconds: 3 + step,
    },
    nodes: [node(600, 400), node(500, 500)],
    zoneInBytes: [50 + 1200 * step, 10 + 900 * step],
  };
}

function record(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    outcomes: [
      { index: 0, arrivalMs: 0, times: { firstByteMs: 100, halfMs: 5000, lastMs: 11_000 } },
      { index: 1, arrivalMs: 2000, times: { firstByteMs: 300, halfMs: 4000, lastMs: 10_000 } },
    ],
    before: figures(0),
    after: figures(1),
    originRequests: 1,
    originSentBytes: 1000,
    ...changes,
  };
}

describe("the result of a run", () => {
  it("has the last end from the first beginning, and the nodes' own times from their own", () => {
    expect(runResult(record(), FRAME)).toMatchObject({
      bound_s: 10,
      last_s: 12,
      ratio: 1.2,
      p50_s: 10,
      p99_s: 11,
      first_byte_s: 0.3,
      half_s: 5,
    });
  });

  it("counts only what came after the figures before it", () => {
    expect(runResult(record(), FRAME)).toMatchObject({
      seed_ratio: 1.1,
      origin_bytes_ratio: 1,
      origin_requests: 1,
      supernode_messages_per_piece: 0.2,
      supernode_cpu_s: 1,
      nodes_cpu_s: 2,
      received_ratios: { seed: 1.1, peer: 0.9, origin: 0 },
    });
  });

  it("takes the busiest zone, without the headers of its packets", () => {
    expect(runResult(record(), FRAME).cross_zone_ratio).toBeCloseTo(1.2 * PAYLOAD_FACTOR, 3);
    const flat = { ...figures(1), zoneInBytes: [] };
    expect(runResult(record({ after: flat }), FRAME).cross_zone_ratio).toBe(0);
  });

  it("leaves out the times of a killed node, and what a killed supernode had counted", () => {
    const [first, second] = record().outcomes;
    const after = { ...figures(1), supernode: undefined, nodes: [figures(1).nodes[0], undefined] };
    const result = runResult(
      record({ outcomes: [first!, { ...second!, times: undefined }], after }),
      FRAME,
    );
    expect(result).toMatchObject({
      last_s: 11,
      p50_s: 11,
      seed_ratio: null,
      supernode_messages_per_piece: null,
      supernode_cpu_s: null,
      nodes_cpu_s: 1,
    });
    expect(result.nodes[1]).toEqual({
      arrival_s: 2,
      first_byte_s: null,
      half_s: null,
      last_s: null,
    });
  });
});
