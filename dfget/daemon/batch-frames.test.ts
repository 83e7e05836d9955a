import { describe, expect, it } from "vitest";

import { BatchFrameReader, batchHeader } from "./batch-frames.ts";

describe("the frames of a batch", () => {
  it("are the same however the connection cuts them", () => {
    const payloads = ["", "a", "bc".repeat(300), "", "d"].map((text) => Buffer.from(text));
    const bytes = Buffer.concat(
      payloads.flatMap((payload, number) => [batchHeader(number, payload.length), payload]),
    );
    for (const step of [1, 7, 8, 9, 250, bytes.length]) {
      const reader = new BatchFrameReader();
      const frames = [];
      for (let offset = 0; offset < bytes.length; offset += step) {
        frames.push(...reader.push(bytes.subarray(offset, offset + step)));
      }
      expect(frames.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
      expect(frames.map(({ payload }) => String(payload))).toEqual(payloads.map(String));
    }
  });
});
