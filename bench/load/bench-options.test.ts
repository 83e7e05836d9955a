import { expect, it } from "vitest";

import { loadConfig } from "../../platform/config.ts";
import { PARTS, loadBenchDefinition } from "./bench-config.ts";
import { loadOptionsOf, openFilesMax, socketsMax } from "./bench-options.ts";

function optionsOf(...argv: string[]) {
  return loadOptionsOf(loadConfig(loadBenchDefinition, { argv, env: {} }).config);
}

it("measures everything unless it is told otherwise", () => {
  const options = optionsOf();
  expect(options.parts).toEqual(PARTS);
  expect(options.nodeCounts).toEqual([100, 1000, 10_000]);
  expect(options).toMatchObject({ joinsPerSecond: 2000, peerCount: 1000, taskCount: 10 });
});

it("takes parts in the order of the bench, and numbers of nodes in rising order", () => {
  const options = optionsOf(
    "--part",
    "proxy",
    "--part",
    "idle",
    "--nodes",
    "50,10",
    "--nodes",
    "50",
  );
  expect(options.parts).toEqual(["idle", "proxy"]);
  expect(options.nodeCounts).toEqual([10, 50]);
});

it("is small with --quick", () => {
  const options = optionsOf("--quick", "--part", "idle");
  expect(options.parts).toEqual(["idle"]);
  expect(Math.max(...options.nodeCounts)).toBeLessThanOrEqual(100);
  expect(options.windowMs).toBeLessThanOrEqual(2000);
});

it.each([
  [["--part", "everything"], /^--part must be one of idle, joins, .* not "everything"; see npm/],
  [["--nodes", "ten"], /^--nodes must be numbers from 1 to 65536 such as 100,1000, not "ten"; see/],
  [["--nodes", "0"], /^--nodes must be numbers/],
  [["--nodes", "100,,200"], /^--nodes must be numbers/],
  [["--nodes", "70000"], /^--nodes must be numbers/],
  [["--tasks", "20", "--peers", "10"], /^--tasks must not be more than --peers; see/],
  [["--join-rate", "0"], /--join-rate/],
  [["--window", "1ms"], /--window/],
  [["--nonsense"], /unknown option '--nonsense'/],
])("refuses %j by one sentence", (argv, sentence) => {
  expect(() => optionsOf(...argv)).toThrow(sentence);
});

it("counts the sockets of the parts that are asked for", () => {
  expect(socketsMax(optionsOf())).toBe(10_000);
  expect(socketsMax(optionsOf("--part", "active", "--peers", "77"))).toBe(77);
  expect(socketsMax(optionsOf("--part", "proxy"))).toBe(0);
});

it("reads how many files a process may open", () => {
  const line = (hard: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 ${hard}                 files     \n`;
  expect(openFilesMax(line("20000"))).toBe(20_000);
  expect(openFilesMax(line("unlimited"))).toBe(Infinity);
  expect(() => openFilesMax("")).toThrow("name no open files");
});
