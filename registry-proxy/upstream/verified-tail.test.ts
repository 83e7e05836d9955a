import { assert, asyncProperty, integer, nat } from "fast-check";
import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { TAIL_LENGTH_BYTES, verifiedTail } from "./verified-tail.ts";

/** Gives bytes in parts, each in the same buffer, which is spoilt after its step. */
async function* inParts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(partBytes);
  for (let offset = 0; offset < bytes.length; offset += partBytes) {
    const part = bytes.subarray(offset, offset + partBytes);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
    buffer.fill(0);
  }
}

describe("a content whose end is held back", () => {
  it("comes whole and unchanged when it is what its digest says", async () => {
    const size = integer({ min: 0, max: 4 * TAIL_LENGTH_BYTES });
    const part = integer({ min: 1, max: 100_000 });
    await assert(
      asyncProperty(size, part, async (lengthBytes, partBytes) => {
        const bytes = seededBytes(lengthBytes, lengthBytes);
        const parts = inParts(bytes, Math.max(partBytes, 500));
        const received = await Array.fromAsync(verifiedTail(parts, sha256Digest(bytes), "reg.io"));
        expect(Buffer.concat(received).equals(bytes)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it("lacks its end when it is something else", async () => {
    const size = integer({ min: 1, max: 4 * TAIL_LENGTH_BYTES });
    await assert(
      asyncProperty(size, nat(), async (lengthBytes, at) => {
        const bytes = seededBytes(lengthBytes, lengthBytes);
        const digest = sha256Digest(bytes);
        bytes[at % lengthBytes]! ^= 1;
        let receivedBytes = 0;
        const read = async (): Promise<void> => {
          for await (const chunk of verifiedTail(inParts(bytes, 10_000), digest, "reg.io")) {
            receivedBytes += chunk.length;
          }
        };
        await expect(read()).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
        expect(receivedBytes).toBeLessThanOrEqual(Math.max(0, lengthBytes - TAIL_LENGTH_BYTES));
      }),
      { numRuns: 25 },
    );
  });
});
