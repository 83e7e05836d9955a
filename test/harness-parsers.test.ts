import { describe, expect, it } from "vitest";
import { blobGets, parseAccessLog } from "./harness/access-log.ts";
import { parseHead } from "./harness/curl.ts";
import { readLogRecord, saysReady } from "./harness/darter-programs.ts";
import { LineRing } from "./harness/line-ring.ts";
import { parseMetrics, sumOf } from "./harness/metrics-text.ts";
import { networkPrefix, ownerOf } from "./harness/network-leftovers.ts";
import { parseCpuSeconds, parseRssBytes } from "./harness/process-figures.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

describe("the access log of a server", () => {
  const log = [
    `10.77.1.2 - - [21/Nov/2025:07:30:00 +0000] "GET /v2/team/app/blobs/${DIGEST}?ns=r%3A5000 HTTP/1.1" 200 2048 "" "skopeo/1.9.3"`,
    `10.77.1.2 - - [21/Nov/2025:07:30:00 +0000] "HEAD /v2/team/app/blobs/${DIGEST} HTTP/1.1" 200 0 "" "curl/7.88.1"`,
    `10.77.1.3 - - [21/Nov/2025:07:30:01 +0000] "GET /v2/team/app/blobs/${DIGEST} HTTP/1.1" 206 - "-" "odd \\"agent\\""`,
    "some other line",
  ].join("\n");

  it("is read line by line, other lines being passed over", () => {
    expect(parseAccessLog(log)).toEqual([
      {
        remoteAddress: "10.77.1.2",
        method: "GET",
        path: `/v2/team/app/blobs/${DIGEST}?ns=r%3A5000`,
        status: 200,
        bytes: 2048,
        userAgent: "skopeo/1.9.3",
      },
      expect.objectContaining({ method: "HEAD", bytes: 0 }),
      expect.objectContaining({ status: 206, bytes: 0, userAgent: 'odd \\"agent\\"' }),
    ]);
  });

  it("tells how often each blob was got, not counting HEAD", () => {
    expect(Object.fromEntries(blobGets(parseAccessLog(log)))).toEqual({ [DIGEST]: 2 });
  });
});

describe("a metrics page", () => {
  const samples = parseMetrics(
    [
      "# HELP darter_received_bytes_total bytes",
      "# TYPE darter_received_bytes_total counter",
      'darter_received_bytes_total{source="seed"} 10',
      'darter_received_bytes_total{source="peer",zone="a\\"b"} 3e2',
      "up 1 1700000000000",
      "",
    ].join("\n"),
  );

  it("is summed by name and labels", () => {
    expect(sumOf(samples, "darter_received_bytes_total")).toBe(310);
    expect(sumOf(samples, "darter_received_bytes_total", { source: "seed" })).toBe(10);
    expect(sumOf(samples, "up")).toBe(1);
    expect(sumOf(samples, "absent")).toBe(0);
  });

  it("is refused when a line is no metric", () => {
    expect(() => parseMetrics("<html>")).toThrow("this is no metric: <html>");
  });
});

describe("the kernel's figures of a process", () => {
  it("give resident memory in bytes", () => {
    expect(parseRssBytes("Name:\tnode\nVmHWM:\t  999 kB\nVmRSS:\t  123 kB\n")).toBe(123 * 1024);
  });

  it("give CPU seconds also for a program with an odd name", () => {
    expect(parseCpuSeconds("12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20")).toBe(2);
  });
});

describe("output of a program", () => {
  it("is kept by lines whatever the chunks are, up to the limit", () => {
    const ring = new LineRing(2, 5);
    const seen: string[] = [];
    ring.onLine((line) => seen.push(line));
    for (const text of ["on", "e\ntwo\nthr", "ee and more\nfo", "ur"]) ring.push(text);
    ring.end();
    expect(seen).toEqual(["one", "two", "three", "four"]);
    expect(ring.lines).toEqual(["three", "four"]);
  });

  it("is a log record only when it is an object of JSON", () => {
    expect(readLogRecord('{"level":30,"msg":"ready"}')).toEqual({ level: 30, msg: "ready" });
    expect(readLogRecord("{nonsense")).toBeUndefined();
    expect(readLogRecord("ready")).toBeUndefined();
  });
});

it("a program is ready when a log record says so, and not when one only speaks of it", () => {
  expect(saysReady('{"level":30,"msg":"ready","what":"supernode"}')).toBe(true);
  expect(saysReady('{"level":30,"msg":"ready supernode on 0.0.0.0:8002"}')).toBe(true);
  expect(saysReady('{"level":30,"msg":"getting ready"}')).toBe(false);
  expect(saysReady('{"level":30}')).toBe(false);
  expect(saysReady("ready")).toBe(false);
});

describe("names in a test network", () => {
  it("tell which process made them", () => {
    const prefix = networkPrefix(1234, 2);
    expect(ownerOf(prefix)).toEqual({ pid: 1234, prefix });
    expect(ownerOf(`${prefix}-h10`)).toEqual({ pid: 1234, prefix });
    expect(ownerOf("docker0")).toBeUndefined();
    expect(ownerOf("dtx")).toBeUndefined();
  });

  it("fit into the name of a link", () => {
    expect(networkPrefix(4_194_304, 999).length).toBeLessThanOrEqual(15);
  });
});

it("the last head of several is what curl's answer has", () => {
  const text =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/5\r\n\r\n";
  expect(parseHead(text)).toEqual({ status: 206, headers: { "content-range": "bytes 0-1/5" } });
});
