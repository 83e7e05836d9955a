import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { TemporaryDirectory } from "../test/harness/temporary-directory.ts";
import { loadPart } from "./kept-part.ts";

interface Part {
  readonly double: (value: number) => number;
  readonly later: () => Promise<{ readonly word: string }>;
  readonly path: string;
}

const PART = `(function (module, __filename) { "use strict"; module.exports = {
  double(value) { const inner = () => value + value; return inner(); },
  later: () => module.loader("./later.mjs"),
  path: __filename,
}; })`;

describe("a built part of a program", () => {
  let home: TemporaryDirectory;
  let file: string;

  beforeEach(async () => {
    home = await TemporaryDirectory.create("part");
    file = home.join("part-1.cjs");
    await writeFile(file, PART);
    await writeFile(home.join("later.mjs"), 'export const word = "later";');
  });

  afterEach(async () => {
    Reflect.deleteProperty(globalThis, Symbol.for("part-1.cjs"));
    await home[Symbol.asyncDispose]();
  });

  const load = async (directory?: string) => await loadPart<Part>(file, directory ?? home.path);
  const kept = async () => (await readdir(home.path)).filter((name) => name.endsWith(".code"));

  it("runs, finds what is beside it, and is there for what else of the program uses it", async () => {
    const { exports } = await load();
    expect(exports.double(4)).toBe(8);
    expect(exports.path).toBe(file);
    expect(await exports.later()).toMatchObject({ word: "later" });
    expect(Reflect.get(globalThis, Symbol.for("part-1.cjs"))).toBe(exports);
  });

  it("is told to keep its code, once, with what was called by then", async () => {
    expect(await kept()).toEqual([]);
    const uncalled = await load();
    uncalled.keep();
    const short = await readFile(home.join("part-1.cjs.code"));
    await rm(home.join("part-1.cjs.code"));
    const first = await load();
    first.exports.double(1);
    first.keep();
    const long = await readFile(home.join("part-1.cjs.code"));
    expect(long.length).toBeGreaterThan(short.length);
    const second = await load();
    expect(second.exports.double(2)).toBe(4);
    await second.exports.later();
    second.keep();
    expect(await readFile(home.join("part-1.cjs.code"))).toEqual(long);
    expect(await kept()).toEqual(["part-1.cjs.code"]);
  });

  it("is compiled anew where what was kept is of no use", async () => {
    await writeFile(home.join("part-1.cjs.code"), "of another release");
    const part = await load();
    expect(part.exports.double(3)).toBe(6);
    part.keep();
    expect(await readFile(home.join("part-1.cjs.code"), "latin1")).not.toContain("release");
  });

  it("runs where no code can be kept", async () => {
    const nowhere = await loadPart<Part>(file, undefined);
    nowhere.keep();
    const refused = await load(home.join("absent"));
    refused.keep();
    expect(refused.exports.double(5)).toBe(10);
    expect(await kept()).toEqual([]);
  });
});

it("a part is loaded from the sources as they are", async () => {
  const exports = { word: "source" };
  const part = await loadPart(async () => exports, undefined);
  part.keep();
  expect(part.exports).toBe(exports);
});
