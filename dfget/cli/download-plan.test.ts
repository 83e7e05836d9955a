import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { loadConfig } from "../../platform/config.ts";
import { EXIT } from "../../platform/user-error.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { dfgetDefinition } from "../config.ts";
import { planDownloads } from "./download-plan.ts";
import { CONFLICTS } from "./option-conflicts.ts";

const DIGEST = `sha256:${"0f".repeat(32)}`;

/** What stands in a plan when nothing is asked for. */
const USUAL = {
  range: undefined,
  checksum: undefined,
  existing: "replace",
  mode: undefined,
  keepsTime: true,
  mayBeLink: false,
};

function plan(...argv: string[]) {
  const { config, positionals } = loadConfig(dfgetDefinition, { argv, env: {} });
  const files = positionals.map((url) => ({ url }));
  return planDownloads(config, files, { HOME: "/nonexistent" });
}

/** The plan of the only file. */
function planOne(...argv: string[]) {
  const [only, ...others] = plan(...argv);
  expect(others).toEqual([]);
  return only!;
}

/** Flags that exclude each other, as the user would write them. */
const CONTRADICTIONS: readonly (readonly string[])[] = [
  ["--overwrite", "--continue"],
  ["--overwrite", "--no-clobber"],
  ["--continue", "--no-clobber"],
  [`--digest=${DIGEST}`, "--range=0-1"],
  ["--hard-link", "--range=0-1"],
  ["--hard-link", "--direct"],
  ["--hard-link", "--mode=0600"],
  ["--no-back-source", "--direct"],
  ["--no-back-source", "--cacert=x"],
  ["--no-netrc", "--netrc-file=x"],
  ["--insecure", "--cacert=x"],
  ["--json", "-o-"],
  ["--json", "--quiet"],
  ["--json", "--console"],
  ["--console", "-o-"],
];

describe("the arguments of dfget", () => {
  it("become a request, an output and a name", () => {
    const argv = ["-o", "/x/out", "-H", "A: b", "--tag=t", "--filter=sig", "--filter=exp"];
    expect(
      planOne(
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
      ...USUAL,
      checksum: { algorithm: "sha256", hex: "0f".repeat(32) },
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
    expect(planOne("http://a/f.bin")).toEqual({
      output: { kind: "file", path: "f.bin" },
      outputText: "f.bin",
      name: "f.bin",
      ...USUAL,
      request: { url: "http://a/f.bin", headers: {} },
    });
  });

  it("call what goes to standard output by the URL, without its secrets", () => {
    expect(planOne("http://u:p@a/f.bin?sig=1", "-o", "-").name).toBe("f.bin");
    expect(planOne("http://u:p@a/?sig=1", "-o", "-").name).toBe("a");
  });

  it("say which part, what to do with a file that is there, and what it is to be like", () => {
    const url = "http://a/f.bin";
    expect(planOne(url, "--range", "5-9").range).toEqual({ firstByte: 5, lastByte: 9 });
    expect(planOne(url, "--range=bytes=7-").range).toEqual({ firstByte: 7 });
    expect(planOne(url, "--range=-512").range).toEqual({ suffixBytes: 512 });
    expect(planOne(url, "--overwrite").existing).toBe("overwrite");
    expect(planOne(url, "-c").existing).toBe("continue");
    expect(planOne(url, "--no-clobber").existing).toBe("no-clobber");
    expect(planOne(url, "--mode", "0640", "--no-mtime")).toMatchObject({
      mode: 0o640,
      keepsTime: false,
    });
    expect(planOne(url, "--hard-link").mayBeLink).toBe(true);
  });

  it("send a checksum to the daemon only where a task can be named by it", () => {
    const md5 = planOne("http://a/f", `--digest=MD5:${"AB".repeat(16)}`);
    expect(md5.checksum).toEqual({ algorithm: "md5", hex: "ab".repeat(16) });
    expect(md5.request.digest).toBeUndefined();
    expect(planOne("http://a/f", `--digest=${DIGEST.toUpperCase()}`).request.digest).toBe(DIGEST);
  });

  it("find user and password in a netrc file, unless the user says otherwise", async () => {
    await using home = await TemporaryDirectory.create("netrc");
    await writeFile(home.join("netrc"), "machine a login u password p");
    const netrc = ["--netrc-file", home.join("netrc")];
    const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
    const headersOf = (...argv: string[]) => planOne(...argv).request.headers;
    expect(headersOf("http://a/f", ...netrc)).toEqual({ authorization: basic });
    expect(headersOf("http://b/f", ...netrc)).toEqual({});
    expect(headersOf("http://x:y@a/f", ...netrc)).toEqual({});
    expect(headersOf("http://a/f", "-H", "Authorization: t", ...netrc)).toEqual({
      authorization: "t",
    });
    expect(headersOf("http://a/f", "--no-netrc")).toEqual({});
  });

  it("give each of several files its name in one directory", () => {
    const paths = plan("http://a/f", "http://a/d/g%20h", "-o", "/tmp").map(
      ({ outputText }) => outputText,
    );
    expect(paths).toEqual(["/tmp/f", "/tmp/g h"]);
  });

  it.each([
    [["nonsense"], "is not a URL"],
    [["http://"], "is not a URL"],
    [["ftp://a/f"], "ftp:// is not supported"],
    [["http://a/f", "http://b/f"], "would both be written to f"],
    [["http://a/f", "http://b/g", "--digest", DIGEST], "several are asked for"],
    [["http://a/f", "--range", "9-5"], "--range must be one range"],
    [["http://a/f", "--range=-0"], "--range must be one range"],
    [["http://a/f", "--range", "0-1,4-5"], "--range must be one range"],
    [["http://a/f", "--mode", "9"], "--mode must be octal"],
    [["http://a/f", "--key", "k.pem"], "--key goes with --cert"],
    [["http://a/f", "--jsno"], "did you mean --json?"],
    [["http://a/f", "--no-netcr"], "did you mean --no-netrc?"],
    [["http://a/f", "--color", "pink"], "one of auto, always, never"],
    [["http://a/f", "--parallel", "0"], "must be >= 1"],
    [["http://a/f", "--limit-rate", "fast"], "--limit-rate must be a size"],
    [["http://a/f", "--bogus"], "unknown option '--bogus'"],
    [["http://a/f", "--digest", "md5:00"], "--digest must be"],
    [["http://a/f", "--digest", "crc32:00"], "--digest must be"],
    [["http://a/f", "-H", "nocolon"], "Name: value"],
    [["http://a/f", "--json", "-o", "-"], "both want standard output"],
    [["http://a/f", "--timeout", "soon"], "--timeout must be a time"],
    [[`http://a/${"x".repeat(8200)}`], "longer than"],
  ])("are refused with a sentence: %j", (argv, sentence) => {
    expect(() => plan(...argv)).toThrow(sentence);
    expect(() => plan(...argv)).toThrow(expect.objectContaining({ exitCode: EXIT.usage }) as Error);
  });

  it("send several files into a directory that is there", () => {
    expect(() => plan("http://a/f", "http://b/g", "-o", "/nonexistent/x")).toThrow(
      expect.objectContaining({ exitCode: EXIT.localFile }) as Error,
    );
  });

  it("have a test for each pair that is known to exclude each other", () => {
    const plain = (flag: string): string => flag.replace(/=.*/, "").replace("-o-", "-o -");
    const tried = CONTRADICTIONS.map((flags) => flags.map(plain).join(" "));
    for (const { flags } of CONFLICTS) expect(tried).toContain(flags.join(" "));
  });

  it.each(CONTRADICTIONS)("cannot contradict each other: %s %s", (...flags) => {
    expect(() => plan("http://a/f", ...flags)).toThrow(
      /exclude each other: .*leave one of them out/,
    );
    expect(() => plan("http://a/f", ...flags)).toThrow(
      expect.objectContaining({ exitCode: EXIT.usage }) as Error,
    );
  });
});
