import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { lowestRate, patientRate, TokenBucket } from "./token-bucket.ts";

/** A bucket with a clock that the test moves. */
function bucketAt(bytesPerSecond: number): { bucket: TokenBucket; pass: (ms: number) => void } {
  let nowUs = 1_000_000n;
  const bucket = new TokenBucket(new SharedArrayBuffer(16), () => nowUs);
  bucket.bytesPerSecond = bytesPerSecond;
  return { bucket, pass: (ms) => void (nowUs += BigInt(Math.round(ms * 1000))) };
}

describe("a token bucket", () => {
  it("lets everything pass while there is no limit", () => {
    const { bucket } = bucketAt(0);
    expect(bucket.take(1e12)).toBe(0);
    expect(bucket.sliceBytes(512)).toBe(512);
  });

  it("keeps several senders together to the rate, however they cut what they send", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 1_000_000_000 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 0, max: 4 }),
        (rate, senders, lateMs) => {
          const { bucket, pass } = bucketAt(rate);
          let sentBytes = 0;
          let nowMs = 0;
          const wakeMs = Array.from({ length: senders }, () => 0);
          for (let step = 0; step < 2000 && nowMs < 10_000; step++) {
            const next = wakeMs.indexOf(Math.min(...wakeMs));
            pass(wakeMs[next]! - nowMs);
            nowMs = wakeMs[next]!;
            const slice = bucket.sliceBytes(1e9);
            sentBytes += slice;
            wakeMs[next] = nowMs + bucket.take(slice) + lateMs;
          }
          const slackBytes = (senders + 1) * bucket.sliceBytes(1e9) + rate * 0.1;
          const dueBytes = (rate * nowMs) / 1000;
          expect(sentBytes).toBeLessThanOrEqual(dueBytes + slackBytes);
          expect(sentBytes).toBeGreaterThanOrEqual(dueBytes - slackBytes);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is the same in every thread that has its memory", () => {
    const { bucket } = bucketAt(1000);
    const other = new TokenBucket(bucket.memory, () => 1_000_000n);
    other.take(1000);
    expect(other.bytesPerSecond).toBe(1000);
    expect(bucket.take(0)).toBeGreaterThan(800);
  });

  it("turns what is owed into time at the new rate when the rate changes", () => {
    const { bucket } = bucketAt(1000);
    const before = bucket.take(10_000);
    bucket.bytesPerSecond = 2000;
    expect(bucket.take(0)).toBeCloseTo(before / 2, -1);
    bucket.bytesPerSecond = 0;
    expect(bucket.take(1)).toBe(0);
  });
});

describe("rates", () => {
  it("of 0 are no limit", () => {
    expect(lowestRate(0, 0)).toBe(0);
    expect(lowestRate(0, 5, 3)).toBe(3);
  });

  it("that are limited make nobody seem slow", () => {
    expect(patientRate(32_768, 0)).toBe(32_768);
    expect(patientRate(32_768, 640_000)).toBe(10_000);
    expect(patientRate(32_768, 1)).toBe(1);
  });
});
