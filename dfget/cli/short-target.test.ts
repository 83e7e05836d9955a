import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { takeMemory } from "../../platform/own-memory.ts";
import { EXIT } from "../../platform/user-error.ts";
import { SHORT_BYTES_MAX, openTarget } from "./short-target.ts";

const never = new AbortController().signal;
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-short-target-"));
  path = join(directory, "f");
});

afterEach(async () => await rm(directory, { recursive: true }));

describe("a target for what may be short", () => {
  it("appears whole at its place, with the rights and the time that are asked for", async () => {
    await using target = await openTarget(path, never);
    const view = Buffer.from("one ");
    await target.write(view);
    // A view is valid until the next one comes.
    view.fill(0);
    await target.write(Buffer.from("two"));
    await target.commit({ mode: 0o640, modifiedAtMs: Date.UTC(2001, 1, 3) });
    expect(await readdir(directory)).toEqual(["f"]);
    expect(await readFile(path, "utf8")).toBe("one two");
    const { mode, mtimeMs } = await stat(path);
    expect([mode & 0o777, mtimeMs]).toEqual([0o640, Date.UTC(2001, 1, 3)]);
  });

  it("takes what is lasting without a copy, and gives its memory back when it is written", async () => {
    await using target = await openTarget(path, never);
    const content = takeMemory(100_000).fill(7);
    await target.write(content, true);
    await target.commit();
    expect((await readFile(path)).equals(Buffer.alloc(100_000, 7))).toBe(true);
    expect(content).toHaveLength(0);
  });

  it("may be empty, and has the usual rights then", async () => {
    await writeFile(join(directory, "usual"), "");
    await using target = await openTarget(path, never);
    await target.commit();
    const { size, mode } = await stat(path);
    expect([size, mode]).toEqual([0, (await stat(join(directory, "usual"))).mode]);
  });

  it("is written as it comes when it turns out to be long, and leaves nothing when it does not become whole", async () => {
    const part = Buffer.alloc(100_000, 7);
    const parts = Math.ceil(SHORT_BYTES_MAX / part.length) + 2;
    {
      await using target = await openTarget(path, never);
      for (let i = 0; i < parts; i++) await target.write(part);
      expect(await readdir(directory)).toEqual([expect.stringMatching(/^\.f\..*\.part$/)]);
    }
    expect(await readdir(directory)).toEqual([]);
    await using target = await openTarget(path, never);
    for (let i = 0; i < parts; i++) await target.write(part);
    await target.commit();
    expect(await readFile(path)).toEqual(Buffer.alloc(parts * part.length, 7));
    expect(await readdir(directory)).toEqual(["f"]);
  });

  it("can be begun anew, while it is short and when it is long", async () => {
    await using target = await openTarget(path, never);
    await target.write(Buffer.from("something"));
    await target.restart!();
    await target.write(Buffer.alloc(SHORT_BYTES_MAX + 1));
    await target.restart!();
    await target.write(Buffer.from("else"));
    await target.commit();
    expect(await readFile(path, "utf8")).toBe("else");
  });

  it("leaves what was there when the download fails, and keeps its rights when it does not", async () => {
    await writeFile(path, "before");
    await chmod(path, 0o640);
    {
      await using target = await openTarget(path, never);
      await target.write(Buffer.from("half"));
    }
    expect(await readFile(path, "utf8")).toBe("before");
    await using target = await openTarget(path, never);
    await target.write(Buffer.from("after"));
    await target.commit();
    expect(await readFile(path, "utf8")).toBe("after");
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  it("is what was put at its link path", async () => {
    await writeFile(join(directory, "store"), "content");
    {
      await using target = await openTarget(path, never);
      await link(join(directory, "store"), target.linkPath!);
      await target.commit({ placed: "link" });
    }
    {
      // The same file already: renaming one name of a file to another does nothing.
      await using target = await openTarget(path, never);
      await link(join(directory, "store"), target.linkPath!);
      await target.commit({ placed: "link" });
    }
    expect((await stat(path)).ino).toBe((await stat(join(directory, "store"))).ino);
    expect((await readdir(directory)).sort()).toEqual(["f", "store"]);
  });

  it("is made where a link points to", async () => {
    await mkdir(join(directory, "real"));
    await symlink("real/new", path);
    await using target = await openTarget(path, never);
    await target.write(Buffer.from("new"));
    await target.commit();
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(directory, "real", "new"), "utf8")).toBe("new");
  });

  it("is refused with one sentence where it cannot be, before anything is asked for", async () => {
    await writeFile(join(directory, "file"), "");
    const refusals = {
      [join(directory, "n".repeat(256))]: "too long",
      [join(directory, "none", "f")]: "does not exist",
      [join(directory, "file", "f")]: "is not a directory",
      [directory]: "is a directory",
    };
    for (const [place, sentence] of Object.entries(refusals)) {
      const error = await openTarget(place, never).catch((error: unknown) => error);
      expect(error).toMatchObject({ name: "UserError", exitCode: EXIT.localFile });
      expect(String(error)).toContain(sentence);
    }
  });

  it("says so when the directory has gone meanwhile", async () => {
    const place = join(directory, "gone", "f");
    await mkdir(join(directory, "gone"));
    await using target = await openTarget(place, never);
    await target.write(Buffer.from("x"));
    await rm(join(directory, "gone"), { recursive: true });
    await expect(target.commit()).rejects.toMatchObject({ exitCode: EXIT.localFile });
  });
});
