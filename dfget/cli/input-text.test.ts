import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { readInput } from "./input-text.ts";
import { readUrlList } from "./url-list.ts";

const { signal } = new AbortController();

describe("text that is read from a file or a pipe", () => {
  let home: TemporaryDirectory;
  let pipe: string;

  beforeEach(async () => {
    home = await TemporaryDirectory.create("input");
    pipe = home.join("pipe");
    await promisify(execFile)("mkfifo", [pipe]);
  });

  afterEach(async () => await home[Symbol.asyncDispose]());

  it("is all that comes through a pipe, however slowly", async () => {
    const reading = readInput(pipe, signal);
    const writer = await open(pipe, "w");
    await writer.write("one\n");
    await writer.write(`${"x".repeat(200_000)}\n`);
    await writer.close();
    expect(await reading).toBe(`one\n${"x".repeat(200_000)}\n`);
  });

  it("is waited for no longer than the signal says, where nobody writes to the pipe", async () => {
    const stop = new AbortController();
    const reading = readInput(pipe, stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  it("does not keep a program from being interrupted that reads standard input", async () => {
    const main = new URL("../main.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [main, "-i", "-"], { stdio: ["pipe", "ignore", "pipe"] });
    child.stdin.write("http://a/b\n");
    // Whatever it is told before it listens for signals would end it by the signal.
    const ended = once(child, "exit");
    const interrupting = setInterval(() => child.kill("SIGINT"), 1000);
    const [code, by] = (await ended) as [number | null, string | null];
    clearInterval(interrupting);
    expect(by === "SIGINT" || code === 11).toBe(true);
    child.stdin.destroy();
  });
});

describe("a list of URLs", () => {
  let home: TemporaryDirectory;
  const listOf = async (text: string): Promise<string[]> => {
    await using file = await open(home.join("list"), "w");
    await file.writeFile(text);
    return await readUrlList(home.join("list"), signal);
  };

  beforeEach(async () => {
    home = await TemporaryDirectory.create("list");
  });

  afterEach(async () => await home[Symbol.asyncDispose]());

  it("may have comments, empty lines, spaces and the ends of lines of any system", async () => {
    const urls = await listOf("\ufeffhttp://a/1\r\n\n# http://a/2\n  s3://b/3  ");
    expect(urls).toEqual(["http://a/1", "s3://b/3"]);
  });

  it("is refused with the line that is no URL, of which not all is shown", async () => {
    await expect(listOf("http://a/1\n\nnonsense\n")).rejects.toThrow(
      /^line 3 of .*list is no URL: "nonsense"$/,
    );
    const error = await listOf(`${"\u001b[31m".repeat(9999)}\n`).catch(String);
    expect(error).toMatch(/^UserError: line 1 .*\.\.\./);
    expect(String(error).length).toBeLessThan(1000);
    expect(error).not.toContain("\u001b");
  });

  it.each([
    ["", "holds no URL"],
    ["# nothing\n", "holds no URL"],
    ["http://a/b\n".repeat(100_001), "more than 100000"],
  ])("is refused when it has too few or too many", async (text, sentence) => {
    await expect(listOf(text)).rejects.toThrow(sentence);
  });

  it("is refused when it cannot be read", async () => {
    await expect(readUrlList(home.path, signal)).rejects.toThrow("cannot be read (EISDIR)");
    const absent = readUrlList(home.join("absent"), signal);
    await expect(absent).rejects.toThrow("cannot be read (ENOENT)");
  });
});
