import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { printableText } from "../../platform/printable-text.ts";
import { columnsOf, cutApart, cutMiddle, padded } from "./column-text.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { progressLine, progressLines, sharesText } from "./progress-line.ts";

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
      "app.tar   50%  [###############...............]    128/256 MiB  64.0 MiB/s  ETA 0:02  peers 75% seed 25%",
    );
  });

  it("fits a terminal of 80 columns", () => {
    const line = progressLine(half, 80);
    expect(line).toBe("app.tar   50%    128/256 MiB  64.0 MiB/s  ETA 0:02  peers 75% seed 25%");
    expect(line.length).toBeLessThan(78);
  });

  it("leaves out first what matters least", () => {
    expect(progressLine(half, 65)).toBe(
      "app.tar   50%  [####....]    128/256 MiB  64.0 MiB/s  ETA 0:02",
    );
    expect(progressLine(half, 44)).toBe("app.tar   50%    128/256 MiB  64.0 MiB/s");
    expect(progressLine(half, 20)).toBe("app.tar   50%");
  });

  it("does without a length and a rate", () => {
    const unknown = { ...half, lengthBytes: undefined, bytesPerSecond: undefined };
    expect(progressLine(unknown, 80)).toBe("app.tar        128 MiB  peers 75% seed 25%");
  });

  it("has the same things below each other in the lines of several files", () => {
    const unknown = {
      ...half,
      name: "ä.日本語",
      lengthBytes: undefined,
      bytesPerSecond: undefined,
    };
    const long = `model-00001-of-${"x".repeat(60)}.safetensors`;
    const other = { ...half, name: long, writtenBytes: 5000, bytesPerSecond: 999 };
    expect(progressLines([half, unknown, other], 110)).toEqual([
      "app.tar                    50%  [#####.....]      128/256 MiB  64.0 MiB/s  ETA 0:02      peers 75% seed 25%",
      "ä.日本語                                              128 MiB                            peers 75% seed 25%",
      "model-00001-~safetensors    0%  [..........]  4.9 KiB/256 MiB     999 B/s  ETA 74:38:20  peers 75% seed 25%",
    ]);
  });

  it("cuts names in their middle, and before it leaves something out", () => {
    const [line] = progressLines([{ ...half, name: "model-00001-of-00030.safetensors" }], 80);
    expect(line).toMatch(/^model-0~ensors +50% .*peers 75% seed 25%$/);
    const [wide] = progressLines([{ ...half, name: "model-00001-of-00030.safetensors" }], 200);
    expect(wide).toMatch(/^model-00001-of-00030\.safetensors +50%/);
  });

  it("counts an empty file as done", () => {
    const empty = { ...half, writtenBytes: 0, lengthBytes: 0, bytesPerSecond: 0 };
    expect(progressLine(empty, 80)).toContain("100%");
  });

  it("leaves room for the echo of Ctrl-C, and never fills the last column, whatever there is to say", () => {
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
        (progress, columns) => columnsOf(`${progressLine(progress, columns)}^C`) < columns,
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
    expect(cutMiddle("日本語x", 5)).toBe("日~x");
    expect(cutMiddle("abc", 3)).toBe("abc");
    expect(cutMiddle("abcdefgh", 5)).toBe("ab~gh");
    expect(cutMiddle("abcd", 1)).toBe("~");
    expect(cutMiddle("abcd", 0)).toBe("");
    expect(padded("日本", 6, "left")).toBe("  日本");
  });
});

describe("names that are cut", () => {
  it("stay apart where that is possible", () => {
    const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    expect(cutApart(shards, 14)).toEqual(["model-00001~", "model-00002~", "model-00003~"]);
    expect(cutApart(shards, 40)).toEqual(shards);
    const dated = ["a", "b"].map((x) => `2026-11-25T10:00:00Z-${x}-${"x".repeat(9)}`);
    expect(cutApart(dated, 12)).toEqual(["2026-~00Z-a~", "2026-~00Z-b~"]);
    const numbered = ["1", "2"].map((x) => `${"long-".repeat(9)}${x}-${"o".repeat(5)}`);
    expect(new Set(cutApart(numbered, 9)).size).toBe(2);
    expect(cutApart(["same", "same"], 3)).toEqual(["s~e", "s~e"]);
    expect(cutApart(["", "a"], 1)).toEqual(["", "a"]);
  });
});

describe("the shares of the sources", () => {
  it("leave out sources that gave nothing", () => {
    expect(sharesText({ seed: 1, peers: 3, origin: 0 })).toBe("peers 75% seed 25%");
    expect(sharesText({ seed: 0, peers: 0, origin: 0 })).toBe("");
  });
});
