import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { codeCachePlace, ownDirectory } from "./code-cache.ts";

describe("the directory for compiled code", () => {
  const self = process.getuid!();
  let home: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "code-cache-"));
  });

  afterAll(async () => await rm(home, { recursive: true }));

  it("is in the user's cache, and root's own for root, whatever the variables say", () => {
    expect(codeCachePlace({ XDG_CACHE_HOME: "/c" }, 1000)).toBe("/c/darter");
    expect(codeCachePlace({ XDG_CACHE_HOME: "c" }, 1000)).toBe(join(homedir(), ".cache/darter"));
    expect(codeCachePlace({ XDG_CACHE_HOME: "/c" }, 0)).toBe("/var/cache/darter");
  });

  it("is made for this user alone", async () => {
    const directory = join(home, "new", "darter");
    expect(ownDirectory(directory, self)).toBe(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it("is never one that belongs to somebody else, that others may write to, or that is a link", async () => {
    const directory = join(home, "other");
    await mkdir(directory, { mode: 0o700 });
    expect(ownDirectory(directory, self + 1)).toBeUndefined();
    await symlink(directory, join(home, "link"));
    expect(ownDirectory(join(home, "link"), self)).toBeUndefined();
    await chmod(directory, 0o777);
    expect(ownDirectory(directory, self)).toBeUndefined();
  });

  it("is none where none can be made", async () => {
    const file = join(home, "file");
    await writeFile(file, "");
    expect(ownDirectory(join(file, "darter"), self)).toBeUndefined();
  });
});
