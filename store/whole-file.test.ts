import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../platform/clock.ts";
import { DiskPace } from "./disk-pace.ts";
import { writeWholeFile } from "./whole-file.ts";

const quick = new DiskPace(systemClock);
let slowMs = 0;
const slow = new DiskPace({ ...systemClock, nowMs: () => slowMs });
slow.run(() => (slowMs += 100));

describe.for([
  ["at once", quick],
  ["by other threads", slow],
] as const)("a file that is made %s", ([, pace]) => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "darter-whole-"));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it("has its content, also where its directory was removed", async () => {
    const path = join(directory, "tasks", "file");
    expect(await writeWholeFile(path, Buffer.from("content"), pace)).toMatch(/^\d+:7$/);
    expect(await readFile(path, "utf8")).toBe("content");
  });

  it("is not there, not for a moment, when it cannot be written", async () => {
    const path = join(directory, "file");
    const unwritable = { length: 1 } as Uint8Array;
    await expect(writeWholeFile(path, unwritable, pace)).rejects.toThrow(TypeError);
    expect(await readdir(directory)).toEqual([]);
  });

  it("leaves one alone that is there", async () => {
    const path = join(directory, "file");
    await writeWholeFile(path, Buffer.from("first"), pace);
    expect(await writeWholeFile(path, Buffer.from("second"), pace)).toBeUndefined();
    expect(await readFile(path, "utf8")).toBe("first");
  });
});
