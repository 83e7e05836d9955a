import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { tryLock } from "./lock-file.ts";

/** Above what Linux gives out, so nobody has it. */
const DEAD_PID = 4_194_400;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-lock-"));
  path = join(directory, "lock");
});

afterEach(async () => await rm(directory, { recursive: true }));

describe("a lock file", () => {
  it("is held by one at a time and is gone afterwards", async () => {
    const first = await tryLock(path);
    expect(first).toBeDefined();
    expect(await tryLock(path)).toBeUndefined();
    await first?.[Symbol.asyncDispose]();
    const second = await tryLock(path);
    expect(second).toBeDefined();
    await second?.[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });

  it("is taken over from a dead process, by one of many who try at once", async () => {
    await writeFile(path, `${DEAD_PID} abc`);
    const locks = await Promise.all(Array.from({ length: 8 }, async () => await tryLock(path)));
    expect(locks.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect(await readdir(directory)).toEqual(["lock"]);
  });

  it("is taken over when it is older than anybody holds one", async () => {
    await writeFile(path, `${process.pid} abc`);
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(path, longAgo, longAgo);
    expect(await tryLock(path)).toBeDefined();
  });

  it("is left alone between being made and being written", async () => {
    await writeFile(path, "");
    expect(await tryLock(path)).toBeUndefined();
  });

  it("is not removed by a holder from whom it was taken", async () => {
    const first = await tryLock(path);
    await writeFile(path, "another");
    await first?.[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual(["lock"]);
  });
});
