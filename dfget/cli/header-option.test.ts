import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { readHeaderOptions } from "./header-option.ts";

describe("-H", () => {
  it("reads a name and a value, which may be empty or hold colons", () => {
    expect(readHeaderOptions(["Accept: a/b", "X-Time: 12:30", "X-Empty:"])).toEqual({
      accept: "a/b",
      "x-time": "12:30",
      "x-empty": "",
    });
  });

  it("joins the values of a name that is given twice", () => {
    expect(readHeaderOptions(["A: 1", "a: 2"])).toEqual({ a: "1, 2" });
  });

  it("reads lines from a file", () => {
    const directory = mkdtempSync(join(tmpdir(), "darter-header-"));
    const path = join(directory, "headers");
    writeFileSync(path, "Authorization: Bearer s3cret\r\n\nX-A: b\n");
    expect(readHeaderOptions([`@${path}`])).toEqual({
      authorization: "Bearer s3cret",
      "x-a": "b",
    });
    rmSync(directory, { recursive: true });
  });

  it.each(["no colon s3cret", ": s3cret", "na me: s3cret", "a: s3cret\nb: c", ""])(
    "refuses %j without repeating it",
    (text) => {
      expect(() => readHeaderOptions([text])).toThrow(/^(?!.*s3cret).*Name: value/);
    },
  );

  it("refuses a file that is not there and more headers than can be sent", () => {
    expect(() => readHeaderOptions(["@/no/such/file"])).toThrow("ENOENT");
    const many = Array.from({ length: 65 }, (_, i) => `X-${i}: 1`);
    expect(() => readHeaderOptions(many)).toThrow("at most 64");
  });

  it("reads no more of a file without an end than headers may have", () => {
    expect(() => readHeaderOptions(["@/dev/zero"])).toThrow(
      "/dev/zero is longer than the 32768 bytes",
    );
  });
});
