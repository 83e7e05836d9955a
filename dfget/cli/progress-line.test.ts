import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { columnsOf, cutToColumns, printableText } from "./printable-text.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { progressLine, sharesText } from "./progress-line.ts";

const MIB = 1024 ** 2;

const half: DownloadProgress = {
  name: "app.tar",
  writtenBytes: 128 * MIB,
  lengthBytes: 256 * MIB,
  bytesPerSecond: 64 * MIB,
  receivedBytes: { peers: 96 * MIB, seed: 32 * MIB, origin: 0 },
};

describe("the progress line", () => {
  it("shows everything where there is room", () => {
    expect(progressLine(half, 120)).toBe(
      "app.tar   50%  [###############...............]  128/256 MiB  64.0 MiB/s  ETA 0:02  peers 75% seed 25%",
    );
  });

  it("fits a terminal of 80 columns", () => {
    const line = progressLine(half, 80);
    expect(line).toBe(
      "app.tar   50%  [###....]  128/256 MiB  64.0 MiB/s  ETA 0:02  peers 75% seed 25%",
    );
    expect(line.length).toBeLessThan(80);
  });

  it("leaves out first what matters least", () => {
    expect(progressLine(half, 60)).toBe(
      "app.tar   50%  [###....]  128/256 MiB  64.0 MiB/s  ETA 0:02",
    );
    expect(progressLine(half, 40)).toBe("app.tar   50%  128/256 MiB  64.0 MiB/s");
    expect(progressLine(half, 20)).toBe("app.tar   50%");
  });

  it("does without a length and a rate", () => {
    const unknown = { ...half, lengthBytes: undefined, bytesPerSecond: undefined };
    expect(progressLine(unknown, 80)).toBe("app.tar  128 MiB  peers 75% seed 25%");
  });

  it("counts an empty file as done", () => {
    const empty = { ...half, writtenBytes: 0, lengthBytes: 0, bytesPerSecond: 0 };
    expect(progressLine(empty, 80)).toContain("100%");
  });

  it("never fills the last column, whatever there is to say", () => {
    const amount = fc.integer({ min: 0, max: 2 ** 45 });
    fc.assert(
      fc.property(
        fc.record({
          name: fc.string({ unit: "grapheme", maxLength: 60 }),
          writtenBytes: amount,
          lengthBytes: fc.option(amount, { nil: undefined }),
          bytesPerSecond: fc.option(amount, { nil: undefined }),
          receivedBytes: fc.record({ seed: amount, peers: amount, origin: amount }),
        }),
        fc.integer({ min: 20, max: 200 }),
        (progress, columns) => columnsOf(progressLine(progress, columns)) < columns,
      ),
    );
  });
});

describe("text for a terminal", () => {
  it("holds no control characters", () => {
    expect(printableText("a\u001b[2Jb\r\nc\u202ed")).toBe("a?[2Jb??c?d");
  });

  it("is cut by columns, of which ideographs take two", () => {
    expect(columnsOf("日本a")).toBe(5);
    expect(cutToColumns("日本語", 5)).toBe("日本~");
    expect(cutToColumns("abc", 3)).toBe("abc");
    expect(cutToColumns("abcd", 3)).toBe("ab~");
  });
});

describe("the shares of the sources", () => {
  it("leave out sources that gave nothing", () => {
    expect(sharesText({ seed: 1, peers: 3, origin: 0 })).toBe("peers 75% seed 25%");
    expect(sharesText({ seed: 0, peers: 0, origin: 0 })).toBe("");
  });
});
