import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { chunkedBody } from "./chunked-body.ts";

async function* cut(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let rest = bytes;
  for (let i = 0; rest.length > 0; i++) {
    const lengthBytes = lengths[i % lengths.length] ?? rest.length;
    yield rest.subarray(0, lengthBytes);
    rest = rest.subarray(lengthBytes);
  }
}

async function read(bytes: Buffer, lengths: readonly number[] = []) {
  const endings: boolean[] = [];
  const parts: Buffer[] = [];
  let failure: unknown;
  try {
    const body = chunkedBody(cut(bytes, lengths), new Uint8Array(0), (isWhole) =>
      endings.push(isWhole),
    );
    for await (const part of body) parts.push(Buffer.from(part));
  } catch (error) {
    failure = error;
  }
  return { content: Buffer.concat(parts), endings, failure };
}

function chunked(parts: readonly Uint8Array[]): Buffer {
  const framed = parts.map((part) =>
    Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]),
  );
  return Buffer.concat([...framed, Buffer.from("0\r\n\r\n")]);
}

describe("an answer in chunks", () => {
  it("gives its content, however it is cut, and says that it is whole", async () => {
    const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 });
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(parts, lengths, async (given, cuts) => {
        const { content, endings, failure } = await read(chunked(given), cuts);
        expect(content.equals(Buffer.concat(given))).toBe(true);
        expect([endings, failure]).toEqual([[true], undefined]);
      }),
      { numRuns: 60 },
    );
  });

  it("is not whole when it breaks off, when something follows, and when the reader leaves", async () => {
    const whole = chunked([Buffer.from("content")]);
    const broken = await read(whole.subarray(0, -1));
    expect(broken.endings).toEqual([false]);
    expect(String(broken.failure)).toContain("ends in the middle");
    expect((await read(Buffer.concat([whole, Buffer.from("x")]))).endings).toEqual([false]);
    const endings: boolean[] = [];
    for await (const _part of chunkedBody(cut(whole, [4]), new Uint8Array(0), (isWhole) =>
      endings.push(isWhole),
    )) {
      break;
    }
    expect(endings).toEqual([false]);
  });

  it("is refused when it is none", async () => {
    for (const text of ["x\r\n", "-1\r\n", "\r\n", "3\r\nabcd\r\n", "1".repeat(300)]) {
      const { failure, endings } = await read(Buffer.from(text));
      expect(failure, text).toMatchObject({ code: "PROTOCOL_GARBAGE" });
      expect(endings).toEqual([false]);
    }
  });

  it("never takes anything for more than it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        const { content, endings } = await read(Buffer.from(bytes), [7]);
        expect(content.length).toBeLessThanOrEqual(bytes.length);
        expect(endings).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });
});
