import { describe, expect, it } from "vitest";

import { loadConfig } from "../../../platform/config.ts";
import { EXIT } from "../../../platform/user-error.ts";
import { dfgetDefinition } from "../../config.ts";
import { planDownloads } from "../download-plan.ts";
import { failureLine, successLine } from "./result-line.ts";
import { isV1CommandLine, translateV1Arguments } from "./v1-arguments.ts";
import { parseV1Nodes, reducedV1Weights } from "./v1-nodes.ts";
import { parseV1Rate, parseV1Time } from "./v1-quantity.ts";

const MD5 = "0123456789abcdef0123456789abcdef";

/** The options that a command line of Dragonfly 1 comes to. */
function options(...argv: string[]) {
  const translated = translateV1Arguments(argv);
  const { config, positionals } = loadConfig(dfgetDefinition, { argv: translated, env: {} });
  const plans = planDownloads(
    config,
    positionals.map((url) => ({ url })),
    { HOME: "/none" },
  );
  return { config, plans };
}

describe("a command line of Dragonfly 1", () => {
  it("is one that gives the URL by a flag", () => {
    for (const argv of [["-u", "http://a/f"], ["--url=http://a/f"], ["-uhttp://a/f"]]) {
      expect(isV1CommandLine(argv)).toBe(true);
    }
    expect(isV1CommandLine(["http://a/f", "-i", "list"])).toBe(false);
  });

  it("comes to the same in our words", () => {
    const line =
      "-u http://a/f?s=1&t=2 -o /x/f -s 20M -e 90 -i id -f s&t -n h:1=1,i=3 -b --notbs --console " +
      "--home /h --alivetime 5m --callsystem me --dfdaemon=true --verbose --clientqueue 6 " +
      "--minrate 64K --totallimit 1G";
    const { config, plans } = options(...line.split(" "));
    expect(config).toMatchObject({
      limitRate: 20 * 1024 ** 2,
      timeout: 90_000,
      tag: "id",
      filter: ["s", "t"],
      supernode: ["http://i:8002", "http://h:1"],
      backSource: false,
      console: true,
      dataDir: "/h",
      idleExit: 300_000,
    });
    expect(plans.map(({ outputText }) => outputText)).toEqual(["/x/f"]);
  });

  it("with --pattern source asks no supernode, and p2p and cdn are one", () => {
    expect(options("-u", "http://a/f", "-p", "source").config.direct).toBe(true);
    for (const pattern of ["p2p", "cdn"]) {
      expect(options("-u", "http://a/f", "--pattern", pattern).config.direct).toBe(false);
    }
    expect(() => options("-u", "http://a/f", "-p", "x")).toThrow("p2p, cdn or source");
  });

  it("sends only the md5 where an identifier is given too (behaviour 10)", () => {
    const { config, plans } = options("-u", "http://a/f", "-m", MD5, "--identifier", "id");
    expect(config.tag).toBe("");
    expect(plans[0]?.checksum).toEqual({ algorithm: "md5", hex: MD5 });
  });

  it("keeps headers whole, commas included (behaviour 20)", () => {
    const headers = ["--header", "Host: abc", "--header", "Date:Mon, 30 Dec 2019"];
    expect(options("-u", "http://a/f", ...headers).plans[0]?.request.headers).toEqual({
      host: "abc",
      date: "Mon, 30 Dec 2019",
    });
  });

  it("names the file by the last part of the URL where -o is missing (behaviour 19)", () => {
    expect(options("-u", "http://a/b/c.tar?x=1").plans[0]?.outputText).toBe("c.tar");
  });

  it("may have long flags of ours between its own", () => {
    expect(options("-u", "http://a/f", "--socket", "/s", "--json").config).toMatchObject({
      socket: "/s",
      json: true,
    });
  });

  it.each([
    [["-u", "http://a/f", "-z"], "unknown option '-z'"],
    [["-u", "http://a/f", "--patern", "p2p"], "unknown option '--patern'"],
    [["-u"], "--url has no value"],
    [["-u", "http://a/f", "-s", "fast"], "--locallimit must be a rate"],
    [["-u", "http://a/f", "-e", "soon"], "a time must be"],
  ])("is refused with a sentence: %j", (argv, sentence) => {
    expect(() => options(...argv)).toThrow(sentence);
    expect(() => options(...argv)).toThrow(
      expect.objectContaining({ exitCode: EXIT.usage }) as Error,
    );
  });
});

describe("quantities of Dragonfly 1", () => {
  it.each([
    ["20M", 20 * 1024 ** 2],
    ["64KB", 65_536],
    ["1g", 1024 ** 3],
    ["100", 100],
    ["7b", 7],
    ["1.5M", undefined],
    ["M", undefined],
    ["10X", undefined],
    ["", undefined],
  ])("are bytes per second, and nothing else (behaviour 24): %j", (text, rate) => {
    expect(parseV1Rate(text)).toBe(rate);
  });

  it.each([
    ["90", 90_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5h", 5_400_000],
    ["m", undefined],
    ["1m x", undefined],
  ])("are times: %j", (text, timeMs) => {
    expect(parseV1Time(text)).toBe(timeMs);
  });

  it("are weights of supernodes, which are reduced, and ports, 8002 by default (behaviour 21)", () => {
    expect(reducedV1Weights("a=2,b=4")).toEqual([1, 2]);
    expect(parseV1Nodes("a=2,b=4,c:9")).toEqual(["http://b:8002", "http://a:8002", "http://c:9"]);
    expect(parseV1Nodes("[fd00::1]:80")).toEqual(["http://[fd00::1]:80"]);
    for (const bad of ["a=x", "a=0", "a:0", "a:65536", "a:b", "", "a,,b", "a b"]) {
      expect(() => parseV1Nodes(bad)).toThrow("--node must be a list");
    }
  });
});

describe("the result line", () => {
  const receivedBytes = { seed: 0, peers: 0, origin: 0 };
  const summary = {
    finished: 1,
    skipped: 0,
    failed: 0,
    lengthBytes: 1000,
    durationMs: 1234,
    receivedBytes,
  };
  const { config } = options("-u", "http://a/f", "-n", "s");

  it("tells why the source was read (behaviours 4 to 6)", () => {
    const reason = (changes: object, bytes: object): string =>
      successLine(
        { ...config, ...changes },
        { ...summary, receivedBytes: { ...receivedBytes, ...bytes } },
      );
    expect(reason({}, { seed: 1000 })).toBe("download SUCCESS cost:1.234s length:1000 reason:0\n");
    expect(reason({}, { origin: 1000 })).toMatch(/reason:1\n$/);
    expect(reason({ supernode: [] }, { origin: 1000 })).toMatch(/reason:8\n$/);
    expect(reason({ direct: true }, { origin: 1000 })).toMatch(/reason:100\n$/);
  });

  it("adds 1000 to the reason where the source must not be read (behaviour 11)", () => {
    const failure = { exitCode: EXIT.unreachable, message: "nobody serves", durationMs: 10 };
    expect(failureLine(config, failure)).toBe(
      "download FAIL cost:0.010s length:-1 reason:1 error:nobody serves\n",
    );
    expect(failureLine({ ...config, backSource: false }, failure)).toContain("reason:1001 ");
  });
});
