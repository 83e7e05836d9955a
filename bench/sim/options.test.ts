import { describe, expect, it } from "vitest";
import { help } from "./option-table.ts";
import { readOptions, UsageError } from "./options.ts";

describe("the options of the simulator", () => {
  it("default to 1 GiB for a hundred peers at 1 Gbit/s", () => {
    const { scenario } = readOptions([]);
    expect(scenario.tasks).toEqual([{ sizeBytes: 1024 ** 3, pieceBytes: 1024 ** 2 }]);
    expect([scenario.peers, scenario.mbit, scenario.seedMbit]).toEqual([100, 1000, 1000]);
    expect(scenario.zoneMbit).toBe(Infinity);
  });

  it("take several sizes", () => {
    const { scenario } = readOptions(["--size", "5MiB,0.5GiB", "--piece=256KiB"]);
    expect(scenario.tasks.map((task) => task.sizeBytes)).toEqual([5 * 1024 ** 2, 512 * 1024 ** 2]);
  });

  it("turn oversubscription into a rate of the zones' links", () => {
    const { scenario } = readOptions(["--peers", "100", "--zones=10", "--oversubscription=4"]);
    expect(scenario.zoneMbit).toBe(2500);
  });

  it("ask for images, many seeds, the scheduler alone, or the suite", () => {
    const { scenario } = readOptions(["--images", "3", "--peers", "5", "--stagger-ms=1000"]);
    expect(scenario.pulls).toHaveLength(5);
    expect(readOptions(["--seeds", "1000", "--from", "7"]).seeds).toEqual({
      first: 7,
      count: 1000,
    });
    expect(readOptions(["--scale=50000"]).scalePeers).toBe(50_000);
    expect(readOptions(["--suite"]).suite).toBe("full");
    expect(readOptions(["--suite", "quick", "--json"])).toMatchObject({
      suite: "quick",
      isJson: true,
    });
    expect(readOptions([])).toMatchObject({
      seeds: undefined,
      scalePeers: undefined,
      suite: undefined,
    });
  });

  it("are refused with a sentence that names the option", () => {
    for (const args of [
      ["--peers", "0"],
      ["--peers", "1.5"],
      ["--size", "many"],
      ["--deaths", "2"],
      ["--readers", "maybe"],
      ["--mbit", "-1"],
      ["--mbit", ""],
      ["--images", "0.5"],
      ["--seeds", "-1"],
      ["--suite", "slow"],
      ["--zone-mbit", "10"],
      ["--supernode-returns", "0.5"],
      ["--scale", "9", "--seeds", "9"],
      ["--images", "2", "--size", "1MiB"],
      ["--piece", "3"],
    ]) {
      expect(() => readOptions(args)).toThrow(UsageError);
      expect(() => readOptions(args)).toThrow(args[0]);
    }
    expect(() => readOptions(["--nonsense"])).toThrow(/nonsense.*--help/);
  });

  it("are all in the help", () => {
    for (const name of ["peers", "zone-mbit", "supernode-returns", "suite", "compare", "json"]) {
      expect(help).toContain(`--${name}`);
    }
  });
});
