import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { makeDirectory } from "./make-directory.ts";

describe("a directory that is made", () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "darter-make-"));
  });

  afterEach(async () => await rm(home, { recursive: true }));

  it("comes with those above it, with the rights asked for, and may be there already", async () => {
    const path = join(home, "a", "b", "c");
    const made = [join(home, "a"), join(home, "a", "b"), path];
    expect(await makeDirectory(path, 0o700)).toEqual(made);
    expect(await makeDirectory(path, 0o755)).toEqual([]);
    for (const each of [path, join(home, "a")]) expect((await stat(each)).mode & 0o777).toBe(0o700);
    await makeDirectory("/");
  });

  it("comes also while somebody else makes those above it", async () => {
    for (let round = 0; round < 20; round++) {
      const above = join(home, `${round}`, "deep", "er");
      const paths = Array.from({ length: 8 }, (_, index) => join(above, `${index}`));
      const made = await Promise.all(paths.map(async (path) => await makeDirectory(path)));
      expect(await readdir(above)).toHaveLength(paths.length);
      // Each is made by one of them.
      expect(made.flat()).toHaveLength(paths.length + 3);
    }
  });

  it("is refused where a file is in the way", async () => {
    await writeFile(join(home, "file"), "");
    await expect(makeDirectory(join(home, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    const below = makeDirectory(join(home, "file", "below"));
    await expect(below).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it("is refused, and not tried for ever, where the system makes none", async () => {
    await expect(makeDirectory("/proc/darter/below")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(makeDirectory("/sys/darter/below")).rejects.toThrow(/EPERM|EROFS|EACCES/);
  });
});
