import { describe, expect, it } from "vitest";

import { loadConfig } from "../../platform/config.ts";
import { UserError } from "../../platform/user-error.ts";
import { fleetBenchDefinition } from "./bench-config.ts";
import { benchOptionsOf, pieceTotal } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { nodeCountsOfZones } from "./topology.ts";

const MIB = 1024 * 1024;

function options(...argv: string[]): FleetBenchOptions {
  return benchOptionsOf(loadConfig(fleetBenchDefinition, { argv, env: {} }).config);
}

describe("the options of the fleet bench", () => {
  it("are by default one file for eight hosts, all links alike", () => {
    expect(options()).toMatchObject({
      nodeCount: 8,
      nodeMbit: 80,
      seedMbit: 80,
      originMbit: 80,
      fileLengthsBytes: [128 * MIB],
      zoneCount: 1,
      kills: [],
      runCount: 1,
      isDirectMeasured: true,
      isSimulated: true,
    });
  });

  it("take several files, with a comma or one by one", () => {
    expect(options("--sizes", "5MiB,50MiB").fileLengthsBytes).toEqual([5 * MIB, 50 * MIB]);
    expect(options("--sizes", "5MiB", "--sizes", "1MiB").fileLengthsBytes).toEqual([5 * MIB, MIB]);
  });

  it("tell how many pieces there are", () => {
    expect(pieceTotal(options())).toBe(256);
    expect(pieceTotal(options("--sizes", "5MiB,128MiB"))).toBe(20 + 256);
    expect(pieceTotal(options("--size", "9MiB", "--piece-size", "4MiB"))).toBe(3);
  });

  it("deal the nodes out to zones evenly", () => {
    expect(nodeCountsOfZones(options("--nodes", "16", "--zones", "2"))).toEqual([8, 8]);
    expect(nodeCountsOfZones(options("--nodes", "8", "--zones", "3"))).toEqual([3, 3, 2]);
  });

  it.each([
    [["--kill", "node:8@50%"], /node:8@50%.*0 to 7/],
    [["--kill", "all@50%"], /--kill.*all@50%/],
    [["--zones", "9"], /--zones/],
    [["--zone-mbit", "80"], /--zone-mbit/],
    [["--sizes", "5MiB,big"], /--sizes.*big/],
    [["--size", "0"], /at least one byte/],
    [["--piece-size", "1KiB"], /--piece-size/],
    [["--piece-size", "1MiB", "--client", "dfget"], /--piece-size/],
    [["--size", "1TiB", "--piece-size", "64KiB"], /too many pieces/],
    [["--mbit", "0"], /--mbit/],
    [["--nodes", "0"], /--nodes/],
  ])("refuse %j", (argv, sentence) => {
    expect(() => options(...argv)).toThrow(UserError);
    expect(() => options(...argv)).toThrow(sentence);
  });
});
