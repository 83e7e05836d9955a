import { spawnSync } from "node:child_process";
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

import { EXIT } from "../../platform/user-error.ts";
import { fileFailure } from "./file-failure.ts";
import { openTargetFile } from "./target-file.ts";

const never = new AbortController().signal;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-target-"));
});

afterEach(async () => await rm(directory, { recursive: true }));

describe("a target file", () => {
  it("appears whole at its place, and nothing else does", async () => {
    const path = join(directory, "f");
    {
      await using target = await openTargetFile(path, never);
      await target.write(Buffer.from("one "));
      await target.write(Buffer.from("two"));
      const names = await readdir(directory);
      expect(names).toHaveLength(1);
      expect(names[0]).toMatch(/^\.f\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.part$/);
      await target.commit();
    }
    expect(await readdir(directory)).toEqual(["f"]);
    expect(await readFile(path, "utf8")).toBe("one two");
  });

  it("gets the rights and the time that are asked for", async () => {
    const path = join(directory, "f");
    await using target = await openTargetFile(path, never);
    await target.commit({ mode: 0o640, modifiedAtMs: Date.UTC(2001, 1, 3) });
    const info = await stat(path);
    expect(info.mode & 0o777).toBe(0o640);
    expect(info.mtimeMs).toBe(Date.UTC(2001, 1, 3));
  });

  it("can be begun anew", async () => {
    const path = join(directory, "f");
    await using target = await openTargetFile(path, never);
    await target.write(Buffer.from("something long"));
    await target.restart!();
    await target.write(Buffer.from("short"));
    await target.commit();
    expect(await readFile(path, "utf8")).toBe("short");
  });

  it("is what was put at its link path", async () => {
    const path = join(directory, "f");
    await writeFile(join(directory, "store"), "content");
    await using target = await openTargetFile(path, never);
    await link(join(directory, "store"), target.linkPath!);
    await target.commit({ placed: "link" });
    expect((await stat(path)).ino).toBe((await stat(join(directory, "store"))).ino);
    await target[Symbol.asyncDispose]();
    expect((await readdir(directory)).sort()).toEqual(["f", "store"]);
  });

  it("is a copy that was put at its link path, with the rights and the time of any other file", async () => {
    const path = join(directory, "f");
    const modifiedAtMs = Date.UTC(2020, 1, 2);
    for (const mode of [undefined, 0o640]) {
      await using target = await openTargetFile(path, never);
      await writeFile(target.linkPath!, "content", { mode: 0o600 });
      await target.commit({ placed: "clone", mode, modifiedAtMs });
      const info = await stat(path);
      expect(await readFile(path, "utf8")).toBe("content");
      expect(info.mode & 0o777).toBe(mode ?? 0o666 & ~process.umask());
      expect(info.mtimeMs).toBe(modifiedAtMs);
    }
    expect(await readdir(directory)).toEqual(["f"]);
  });

  it("takes away what a killed process has left, and nothing of a living one", async () => {
    const module = new URL("./target-file.ts", import.meta.url).href;
    const script = `
      const { openTargetFile } = await import(${JSON.stringify(module)});
      const target = await openTargetFile(${JSON.stringify(join(directory, "f"))}, new AbortController().signal);
      await target.write(Buffer.from("half"));
      process.kill(process.pid, "SIGKILL");`;
    spawnSync(process.execPath, ["--input-type=module", "-e", script]);
    const [left] = await readdir(directory);
    expect(left).toMatch(/\.part$/);
    const living = left!.replace(/-\d+-/, `-${process.ppid}-`);
    await writeFile(join(directory, living), "");
    await using _target = await openTargetFile(join(directory, "g"), never);
    const names = (await readdir(directory)).filter((name) => !name.startsWith(".g."));
    expect(names).toEqual([living]);
  });

  it("leaves what was there when the download fails", async () => {
    const path = join(directory, "f");
    await writeFile(path, "before");
    {
      await using target = await openTargetFile(path, never);
      await target.write(Buffer.from("half"));
    }
    expect(await readdir(directory)).toEqual(["f"]);
    expect(await readFile(path, "utf8")).toBe("before");
  });

  it("keeps the rights of the file that it replaces", async () => {
    const path = join(directory, "f");
    await writeFile(path, "before");
    await chmod(path, 0o640);
    await using target = await openTargetFile(path, never);
    await target.commit();
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  it("follows a link and writes through a device", async () => {
    await mkdir(join(directory, "real"));
    await writeFile(join(directory, "real", "f"), "before");
    await symlink("real/f", join(directory, "link"));
    {
      await using target = await openTargetFile(join(directory, "link"), never);
      await target.write(Buffer.from("after"));
      await target.commit();
    }
    expect((await lstat(join(directory, "link"))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(directory, "real", "f"), "utf8")).toBe("after");
    {
      await using target = await openTargetFile("/dev/null", never);
      await target.write(Buffer.from("gone"));
      await target.commit();
    }
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
  });

  it("is made where a link points to", async () => {
    await mkdir(join(directory, "real"));
    await symlink("link", join(directory, "chain"));
    await symlink("real/new", join(directory, "link"));
    await using target = await openTargetFile(join(directory, "chain"), never);
    await target.write(Buffer.from("new"));
    await target.commit();
    expect((await lstat(join(directory, "link"))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(directory, "real", "new"), "utf8")).toBe("new");
  });

  it("takes the longest name that there is", async () => {
    const path = join(directory, "é".repeat(127));
    await using target = await openTargetFile(path, never);
    await target.commit();
    expect(await readdir(directory)).toEqual(["é".repeat(127)]);
  });

  it("is refused with one sentence where it cannot be", async () => {
    await writeFile(join(directory, "file"), "");
    await symlink("loop", join(directory, "loop"));
    await symlink("none/f", join(directory, "lost"));
    const refusals = {
      [join(directory, "loop")]: "links that lead in a circle",
      [join(directory, "lost")]: "does not exist",
      [join(directory, "n".repeat(256))]: "too long",
      [join(directory, "none", "f")]: "does not exist",
      [join(directory, "file", "f")]: "is not a directory",
      [directory]: "is a directory",
    };
    for (const [path, sentence] of Object.entries(refusals)) {
      const error = await openTargetFile(path, never).catch((error: unknown) => error);
      expect(error).toMatchObject({ name: "UserError", exitCode: EXIT.localFile });
      expect(String(error)).toContain(sentence);
    }
    expect((await readdir(directory)).sort()).toEqual(["file", "loop", "lost"]);
  });

  it("that is a pipe waits for its reader, and is written to it", async () => {
    const path = join(directory, "pipe");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    const opening = openTargetFile(path, never);
    const reading = readFile(path, "utf8");
    {
      await using target = await opening;
      await target.write(Buffer.from("through the pipe"));
      await target.commit();
    }
    expect(await reading).toBe("through the pipe");
  });

  it("that is a pipe without a reader is given up at a signal", async () => {
    const path = join(directory, "pipe");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    const reason = new Error("interrupted");
    const ending = new AbortController();
    const opening = openTargetFile(path, ending.signal);
    ending.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });

  it("says that the disk is full and leaves nothing", async () => {
    const write = async () => {
      await using target = await openTargetFile("/dev/full", never);
      await target.write(Buffer.from("x"));
    };
    await expect(write()).rejects.toMatchObject({ exitCode: EXIT.localFile });
    await expect(write()).rejects.toThrow("is full");
  });

  it("is gone also when the process ends without unwinding", async () => {
    const module = new URL("./target-file.ts", import.meta.url).href;
    const script = `
      const { openTargetFile } = await import(${JSON.stringify(module)});
      await openTargetFile(${JSON.stringify(join(directory, "f"))}, new AbortController().signal);
      process.exit(0);`;
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
    expect(ended.status).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe("a failure of the file system", () => {
  it.each(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EFBIG", "ENAMETOOLONG", "EIO", "EMFILE"])(
    "is one sentence about the target: %s",
    (code) => {
      const error = fileFailure(Object.assign(new Error("raw"), { code }), "/d/f");
      expect(error).toMatchObject({ name: "UserError", exitCode: EXIT.localFile });
      expect(error.message).toContain("/d");
    },
  );
});
