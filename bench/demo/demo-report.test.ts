import { describe, expect, it } from "vitest";

import { brokenPromises } from "./demo-checks.ts";
import type { DemoResult } from "./demo-table.ts";
import { resultText } from "./demo-table.ts";
import { nodeLine, plainLine, withLiveProgress } from "./live-progress.ts";

const MIB = 1024 ** 2;
const received = { seed: 10 * MIB, peer: 30 * MIB, origin: 0, total: 40 * MIB };
const node = { durationMs: 2000, received };
const result: DemoResult = {
  nodes: [node, { ...node, durationMs: 2500 }, node, node],
  directMs: [10_000, 9000, 9500, 9900],
  directSentBytes: 160 * MIB,
  sentBytes: 40 * MIB,
  imageBytes: 40 * MIB,
};
const blob = { mediaType: "", digest: "sha256:aa", size: 1 };
const figures = { sentBytes: 40 * MIB, blobRequests: new Map([["sha256:aa", 1]]) };

describe("the table of the demo", () => {
  it("shows each node, the sums and the direct pull", () => {
    expect(resultText(result).split("\n")).toEqual([
      "  node   seconds   from origin   from seed   from peers",
      "  1         2.00           0 B    10.0 MiB     30.0 MiB",
      "  2         2.50           0 B    10.0 MiB     30.0 MiB",
      "  3         2.00           0 B    10.0 MiB     30.0 MiB",
      "  4         2.00           0 B    10.0 MiB     30.0 MiB",
      "  all       2.50           0 B    40.0 MiB      120 MiB",
      "",
      "           slowest pull   the registry sent",
      "  direct        10.00 s             160 MiB   4.00 x the image",
      "  Darter         2.50 s            40.0 MiB   1.00 x the image",
      "  ratio    4.0 x faster          4.0 x less",
    ]);
  });
});

describe("the promises of the demo", () => {
  it("are kept by the figures that they describe", () => {
    expect(brokenPromises(result, figures, [blob])).toEqual([]);
  });

  it.each([
    ["asked 2 times", result, { ...figures, blobRequests: new Map([["sha256:aa", 2]]) }],
    ["asked 0 times", result, { ...figures, blobRequests: new Map<string, number>() }],
    ["sent 1.0100 x", { ...result, sentBytes: 40.4 * MIB }, figures],
    ["sent 0.9900 x", { ...result, sentBytes: 39.6 * MIB }, figures],
    [
      "peers supplied 50 %",
      { ...result, nodes: [{ ...node, received: { ...received, peer: 20 * MIB } }] },
      figures,
    ],
    [
      "from the origin themselves",
      { ...result, nodes: [{ ...node, received: { ...received, origin: 1 } }] },
      figures,
    ],
  ])("are broken when %s", (sentence, result, figures) => {
    const broken = brokenPromises(result, figures, [blob]);
    expect(broken).toHaveLength(1);
    expect(broken[0]).toContain(sentence);
  });
});

describe("the live progress of the demo", () => {
  it("shows what a node has and where it came from", () => {
    expect(nodeLine(1, received, 80 * MIB)).toBe(
      "  node 2  [############............]   40.0 MiB  seed 10.0 MiB  peers 30.0 MiB",
    );
    expect(plainLine([received, received], 80 * MIB)).toBe("  nodes have 50 %, 50 %");
  });

  it("gives what the work gives, also when no figure can be read", async () => {
    const work = Promise.withResolvers<string>();
    const unreadable = async () => {
      work.resolve("done");
      throw new Error("no answer");
    };
    let shown = "";
    const stream = { isTTY: true, write: (text: string) => (shown += text) };
    expect(await withLiveProgress(stream, 1, unreadable, work.promise)).toBe("done");
    expect(shown).toBe("");
    const failing = Promise.reject(new Error("the work failed"));
    await expect(withLiveProgress(stream, 1, async () => [], failing)).rejects.toThrow("the work");
  });
});
