import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { EXIT } from "../../platform/user-error.ts";
import { nameFromUrl, outputOf } from "./output-name.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "darter-output-"));
  mkdirSync(join(directory, "sub"));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe("the name of a download", () => {
  it.each([
    ["http://a/b/app.tar", "app.tar"],
    ["http://a/b/app.tar?sig=1/2#frag", "app.tar"],
    ["http://a/with%20space%20%22quotes%22.txt", 'with space "quotes".txt'],
    ["http://a/%C3%BCber.txt", "über.txt"],
    ["http://a/100%25.txt", "100%.txt"],
    ["http://a/broken%zz", "broken%zz"],
  ])("is the decoded last part of the URL: %s", (url, name) => {
    expect(nameFromUrl(url)).toBe(name);
  });

  it.each([
    "http://a",
    "http://a/b/",
    "http://a/..%2Fetc%2Fpasswd",
    "http://a/%2E%2E%2F",
    "http://a/a%00b",
    "http://a/a%1B[2Jb",
    `http://a/${"x".repeat(256)}`,
  ])("is never taken from %s", (url) => {
    expect(() => nameFromUrl(url)).toThrow("-o");
  });
});

describe("-o", () => {
  const url = "http://a/f.bin";

  it("names a file, standard output, or a directory with a / at its end", () => {
    expect(outputOf(undefined, url)).toEqual({ kind: "file", path: "f.bin" });
    expect(outputOf("-", url)).toEqual({ kind: "stdout" });
    expect(outputOf("/x/y", url)).toEqual({ kind: "file", path: "/x/y" });
    const path = join(directory, "sub", "f.bin");
    expect(outputOf(`${directory}/sub/`, url)).toEqual({ kind: "file", path });
  });

  it("leaves a path that cannot be looked at to the opening", () => {
    const path = join(directory, "n".repeat(300));
    expect(outputOf(path, url)).toEqual({ kind: "file", path });
  });

  it("says which directory is to be made", () => {
    const option = `${directory}/none/below/`;
    const output = { kind: "file", path: `${option}f.bin`, newDirectory: option };
    expect(outputOf(option, url)).toEqual(output);
    expect(outputOf(option, url, { isOneOfMany: true })).toEqual(output);
    expect(() => outputOf(`${directory}/none`, url, { isOneOfMany: true })).toThrow("none/");
  });

  it("refuses a directory as a file, a file as a directory, and an empty name", () => {
    writeFileSync(join(directory, "file"), "");
    expect(() => outputOf(`${directory}/file/`, url)).toThrow("no directory but a file");
    expect(() => outputOf("", url)).toThrow("names no file");
    expect(() => outputOf(`${directory}/sub`, url)).toThrow("is a directory");
    expect(() => outputOf(`${directory}/sub`, url)).toThrow(
      expect.objectContaining({ exitCode: EXIT.localFile }) as Error,
    );
  });
});
