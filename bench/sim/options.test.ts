import { describe, expect, it } from "vitest";
import { help, readOptions, UsageError } from "./options.ts";

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

  it("are refused with a sentence that names the option", () => {
    for (const args of [
      ["--peers", "0"],
      ["--peers", "1.5"],
      ["--size", "many"],
      ["--deaths", "2"],
      ["--readers", "maybe"],
      ["--mbit", "-1"],
      ["--mbit", ""],
    ]) {
      expect(() => readOptions(args)).toThrow(UsageError);
      expect(() => readOptions(args)).toThrow(args[0]);
    }
    expect(() => readOptions(["--nonsense"])).toThrow(/nonsense.*--help/);
  });

  it("are all in the help", () => {
    for (const name of ["peers", "zone-mbit", "supernode-returns", "json"]) {
      expect(help).toContain(`--${name}`);
    }
  });
});
