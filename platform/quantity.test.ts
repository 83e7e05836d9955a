import { describe, expect, it } from "vitest";

import { formatByteCount, formatDuration, parseByteCount, parseDuration } from "./quantity.ts";

describe("a size", () => {
  it.each([
    ["0", 0],
    ["512", 512],
    ["512B", 512],
    ["64KiB", 65_536],
    ["64k", 65_536],
    ["64 KB", 64_000],
    ["1.5G", 1_610_612_736],
    ["2mib", 2_097_152],
    ["3MB", 3_000_000],
    [" 1TiB ", 1_099_511_627_776],
  ])("%j is read", (text, wanted) => {
    expect(parseByteCount(text)).toBe(wanted);
  });

  it.each([
    "",
    "MiB",
    "-1",
    "1e3",
    "1,5G",
    "5 parsecs",
    "1..5",
    "0x10",
    "9000000TiB",
    "NaN",
    "1 G B",
  ])("is not what %j is", (text) => {
    expect(parseByteCount(text)).toBeUndefined();
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [3_565_158, "3.4 MiB"],
    [209_715_200, "200 MiB"],
    [2 ** 50, "1024 TiB"],
  ])("of %d bytes is shown as %s", (byteCount, wanted) => {
    expect(formatByteCount(byteCount)).toBe(wanted);
  });
});

describe("a duration", () => {
  it.each([
    ["0", 0],
    ["1500", 1500],
    ["250ms", 250],
    ["30s", 30_000],
    ["1.5 m", 90_000],
    ["1h", 3_600_000],
  ])("%j is read", (text, wanted) => {
    expect(parseDuration(text)).toBe(wanted);
  });

  it.each(["", "s", "-1s", "1d", "1S", "one", "1s2"])("is not what %j is", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [0, "0 ms"],
    [850.4, "850 ms"],
    [12_345, "12.3 s"],
    [200_000, "3 m 20 s"],
    [3_600_000, "1 h 0 m"],
  ])("of %d ms is shown as %s", (durationMs, wanted) => {
    expect(formatDuration(durationMs)).toBe(wanted);
  });
});
