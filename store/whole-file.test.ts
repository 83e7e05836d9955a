import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

import { writeWholeFile } from "./whole-file.ts";

it("leaves no file that cannot be written, not for a moment", async () => {
  const directory = await mkdtemp(join(tmpdir(), "darter-whole-"));
  const unwritable = { length: 1 } as Uint8Array;
  await expect(writeWholeFile(join(directory, "file"), unwritable)).rejects.toThrow(TypeError);
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});
