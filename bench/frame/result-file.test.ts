import { chown, mkdir, readFile, readdir, stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { EXIT } from "../../platform/user-error.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { BenchFrame } from "./bench-result.ts";
import { requireResultsDirectory, saveResult } from "./result-file.ts";

const FRAME = { bench: "fleet", commit: "ab".repeat(20) } as BenchFrame;

describe("a kept result", () => {
  it("is named after what was measured and its commit, and replaces an earlier one", async () => {
    await using directory = await TemporaryDirectory.create("results");
    await saveResult(directory.path, "fleet-burst-8", FRAME);
    const path = await saveResult(directory.path, "fleet-burst-8", { ...FRAME, seed: 7 });
    expect(await readdir(directory.path)).toEqual(["fleet-burst-8-abababa.json"]);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ ...FRAME, seed: 7 });
  });

  it("says when the files differed from the commit", async () => {
    await using directory = await TemporaryDirectory.create("results");
    await saveResult(directory.path, "own", { ...FRAME, commit: `${FRAME.commit}+changes` });
    await saveResult(directory.path, "own", { ...FRAME, commit: null });
    expect((await readdir(directory.path)).sort()).toEqual([
      "own-abababa-changes.json",
      "own-unknown.json",
    ]);
  });

  it.runIf(process.getuid?.() === 0)(
    "belongs to the owner of the directory, not to root who ran the bench",
    async () => {
      await using directory = await TemporaryDirectory.create("results");
      const place = directory.join("of-a-user");
      await mkdir(place);
      await chown(place, 12_345, 54_321);
      const { uid, gid } = await stat(await saveResult(place, "own", FRAME));
      expect([uid, gid]).toEqual([12_345, 54_321]);
    },
  );

  it("needs a directory, which is known beforehand", async () => {
    await using directory = await TemporaryDirectory.create("results");
    await expect(requireResultsDirectory(directory.join("none"))).rejects.toMatchObject({
      exitCode: EXIT.localFile,
      message: `results cannot be kept: ${directory.join("none")} is not there`,
    });
    await requireResultsDirectory(directory.path);
  });
});
