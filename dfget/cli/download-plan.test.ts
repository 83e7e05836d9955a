import { describe, expect, it } from "vitest";

import { loadConfig } from "../../platform/config.ts";
import { EXIT } from "../../platform/user-error.ts";
import { dfgetDefinition } from "../config.ts";
import { planDownload } from "./download-plan.ts";

const DIGEST = `sha256:${"0f".repeat(32)}`;

function plan(...argv: string[]) {
  const { config, positionals } = loadConfig(dfgetDefinition, { argv, env: {} });
  return planDownload(config, positionals);
}

describe("the arguments of dfget", () => {
  it("become a request, an output and a name", () => {
    const argv = ["-o", "/x/out", "-H", "A: b", "--tag=t", "--filter=sig", "--filter=exp"];
    expect(
      plan(
        "http://a/f.bin?sig=1",
        ...argv,
        "--digest",
        DIGEST,
        "--no-back-source",
        "--limit-rate=2MiB",
      ),
    ).toEqual({
      output: { kind: "file", path: "/x/out" },
      outputText: "/x/out",
      name: "out",
      request: {
        url: "http://a/f.bin?sig=1",
        headers: { a: "b" },
        digest: DIGEST,
        tag: "t",
        filter: ["sig", "exp"],
        backSource: false,
        limitBytesPerSecond: 2 * 1024 * 1024,
      },
    });
  });

  it("need no more than a URL", () => {
    expect(plan("http://a/f.bin")).toEqual({
      output: { kind: "file", path: "f.bin" },
      outputText: "f.bin",
      name: "f.bin",
      request: { url: "http://a/f.bin", headers: {} },
    });
  });

  it("call what goes to standard output by the URL, without its secrets", () => {
    expect(plan("http://u:p@a/f.bin?sig=1", "-o", "-").name).toBe("f.bin");
    expect(plan("http://u:p@a/?sig=1", "-o", "-").name).toBe("a");
  });

  it.each([
    [[], "no URL"],
    [["nonsense"], "is not a URL"],
    [["http://"], "is not a URL"],
    [["ftp://a/f"], "ftp:// is not supported"],
    [["http://a/f", "http://b/g"], "unexpected argument"],
    [["http://a/f", "--bogus"], "unknown option '--bogus'"],
    [["http://a/f", "--digest", "md5:00"], "--digest must be"],
    [["http://a/f", "-H", "nocolon"], "Name: value"],
    [["http://a/f", "--json", "-o", "-"], "both want standard output"],
    [["http://a/f", "--timeout", "soon"], "--timeout must be a time"],
    [[`http://a/${"x".repeat(8200)}`], "longer than"],
  ])("are refused with a sentence: %j", (argv, sentence) => {
    expect(() => plan(...argv)).toThrow(sentence);
    expect(() => plan(...argv)).toThrow(expect.objectContaining({ exitCode: EXIT.usage }) as Error);
  });
});
