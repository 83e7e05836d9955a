import { describe, expect, it } from "vitest";

import { loadConfig } from "../../platform/config.ts";
import { UserError } from "../../platform/user-error.ts";
import { transferBenchDefinition } from "./bench-config.ts";
import { transferOptionsOf } from "./bench-options.ts";
import { ROW_NAMES } from "./bench-rows.ts";
import type { TransferBenchOptions } from "./transfer-bench.ts";

const MIB = 1024 * 1024;

function options(...argv: string[]): TransferBenchOptions {
  return transferOptionsOf(loadConfig(transferBenchDefinition, { argv, env: {} }).config);
}

describe("the options of the transfer bench", () => {
  it("measure every row five times, in pieces as a task of that length has them", () => {
    expect(options("--size", "1GiB")).toEqual({
      lengthBytes: 1024 * MIB,
      pieceLengthBytes: MIB,
      rounds: 5,
      rows: ROW_NAMES,
      seed: 1,
      isStreamed: false,
    });
  });

  it("pick rows, which keep their order", () => {
    expect(options("--row", "proxy>curl", "--row", "nginx>curl").rows).toEqual([
      "nginx>curl",
      "proxy>curl",
    ]);
  });

  it.each([
    [["--size", "0"], "--size"],
    [["--piece-size", "1"], "--piece-size"],
    [["--size", "64GiB", "--piece-size", "64KiB"], "--piece-size"],
    [["--row", "nginx>wget"], "--row"],
  ])("refuse %j in one sentence", (argv, flag) => {
    expect(() => options(...argv)).toThrow(UserError);
    expect(() => options(...argv)).toThrow(flag);
  });
});
