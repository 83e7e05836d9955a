import { describe, expect, it } from "vitest";

import { bound, boundTerms } from "./bound.ts";
import type { BoundInput } from "./bound.ts";
import { PAYLOAD_FACTOR, payloadBytesPerSecond } from "./payload-rate.ts";

const EIGHT: BoundInput = {
  wantedBytes: 1000,
  nodeCount: 8,
  nodeRate: 10,
  seedRate: 10,
  originRate: 10,
  zones: undefined,
  lastArrivalSeconds: 0,
};

function secondsOf(input: BoundInput, name: string): number | undefined {
  return boundTerms(input).find((term) => term.name === name)?.seconds;
}

describe("the bound", () => {
  it("is the time of one copy over the slowest link that every byte takes", () => {
    expect(bound(EIGHT).seconds).toBe(100);
    expect(bound({ ...EIGHT, seedRate: 5 })).toEqual({ name: "seed's uplink", seconds: 200 });
    expect(bound({ ...EIGHT, originRate: 4 })).toEqual({ name: "origin", seconds: 250 });
    expect(bound({ ...EIGHT, nodeRate: 2, seedRate: 1000 }).name).toBe("a node's downlink");
  });

  it("counts what all uplinks can send together", () => {
    expect(secondsOf(EIGHT, "all uplinks together")).toBeCloseTo(8000 / 90, 9);
    const alone = { ...EIGHT, nodeCount: 1, nodeRate: 1000, originRate: 1000 };
    expect(secondsOf(alone, "all uplinks together")).toBeCloseTo(1000 / 1010, 9);
  });

  it("cannot be before the last node has had time for everything", () => {
    expect(bound({ ...EIGHT, lastArrivalSeconds: 30 })).toEqual({
      name: "a node's downlink",
      seconds: 130,
    });
  });

  it("counts the uplinks of zones, alone and with the nodes behind them", () => {
    const zones = { nodeCounts: [3, 5], uplinkRate: 4 };
    expect(bound({ ...EIGHT, zones })).toEqual({ name: "a zone's uplink", seconds: 250 });
    const weak = { ...EIGHT, nodeRate: 10, zones: { nodeCounts: [1, 7], uplinkRate: 1000 } };
    expect(secondsOf(weak, "a zone's uplink and its nodes' together")).toBeCloseTo(7000 / 1070, 9);
    expect(bound({ ...EIGHT, zones: { nodeCounts: [8], uplinkRate: undefined } })).toEqual(
      bound(EIGHT),
    );
  });
});

describe("the rate of content", () => {
  it("is that of the link without the headers of Ethernet, IP and TCP", () => {
    expect(PAYLOAD_FACTOR).toBeCloseTo(1448 / 1514, 12);
    expect(payloadBytesPerSecond(80)).toBeCloseTo((10_000_000 * 1448) / 1514, 3);
  });
});
