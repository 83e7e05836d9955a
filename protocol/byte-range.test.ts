import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseByteRanges, parseByteRange, parseContentRange } from "./byte-range.ts";

describe("a Range header for 1000 bytes (RFC 9110, 14.1.2)", () => {
  it.each([
    ["bytes=0-499", 0, 499],
    ["bytes=500-999", 500, 999],
    ["bytes=-500", 500, 999],
    ["bytes=9-", 9, 999],
    ["bytes=0-0", 0, 0],
    ["bytes=999-999", 999, 999],
    ["bytes=-1", 999, 999],
    ["bytes=0-", 0, 999],
    ["bytes=990-5000", 990, 999],
    ["bytes=-5000", 0, 999],
    ["bytes=0-99999999999999999999999999", 0, 999],
    ["BYTES=1-2", 1, 2],
    ["bytes= 1-2", 1, 2],
    ["bytes=1-2 ", 1, 2],
    ["bytes=007-010", 7, 10],
  ])("%s asks for %d to %d", (header, firstByte, lastByte) => {
    expect(parseByteRange(header, 1000)).toEqual({ firstByte, lastByte });
  });

  it.each([
    "bytes=1000-",
    "bytes=1000-1001",
    "bytes=5000-6000",
    "bytes=-0",
    "bytes=9999999999999999999-",
  ])("%s cannot be satisfied", (header) => {
    expect(parseByteRange(header, 1000)).toBe("unsatisfiable");
  });

  it("whose end comes before its beginning is refused, which the RFC leaves to the server", () => {
    expect(parseByteRange("bytes=500-499", 1000)).toBe("unsatisfiable");
  });

  it.each([
    undefined,
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes=1-2-3",
    "bytes=+1-2",
    "bytes=1.5-2",
    "bytes=0x1-2",
    "items=0-5",
    "bytes 0-5",
    "bytes=0-1,5-6",
    "bytes=0-1,",
  ])("%j is ignored", (header) => {
    expect(parseByteRange(header, 1000)).toBeUndefined();
  });

  it.each(["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])(
    "%s of no bytes at all cannot be satisfied",
    (header) => {
      expect(parseByteRange(header, 0)).toBe("unsatisfiable");
    },
  );

  it("never leads outside the content", () => {
    fc.assert(
      fc.property(
        fc.option(fc.nat(3000)),
        fc.option(fc.nat(3000)),
        fc.nat(2000),
        (first, last, length) => {
          const range = parseByteRange(`bytes=${first ?? ""}-${last ?? ""}`, length);
          if (range === undefined || range === "unsatisfiable") return;
          expect(range.firstByte).toBeGreaterThanOrEqual(0);
          expect(range.lastByte).toBeGreaterThanOrEqual(range.firstByte);
          expect(range.lastByte).toBeLessThan(length);
        },
      ),
    );
  });
});

describe("a Content-Range header", () => {
  it.each([
    ["bytes 0-499/1234", { firstByte: 0, lastByte: 499, completeLengthBytes: 1234 }],
    ["bytes 42-1233/1234", { firstByte: 42, lastByte: 1233, completeLengthBytes: 1234 }],
    ["bytes 42-1233/*", { firstByte: 42, lastByte: 1233, completeLengthBytes: undefined }],
    ["Bytes 0-0/1", { firstByte: 0, lastByte: 0, completeLengthBytes: 1 }],
  ])("%s is read", (header, wanted) => {
    expect(parseContentRange(header)).toEqual(wanted);
  });

  it.each([
    undefined,
    "",
    "bytes */1234",
    "bytes 5-4/10",
    "bytes 0-10/10",
    "bytes 0-9",
    "bytes=0-9/10",
    "items 0-9/10",
    "bytes 0-9/10 ",
    "bytes -9/10",
    `bytes 0-${"9".repeat(17)}/*`,
  ])("%j is none of a 206 answer", (header) => {
    expect(parseContentRange(header)).toBeUndefined();
  });
});

describe("several ranges", () => {
  it.each([
    [
      "bytes=0-0,2-3",
      [
        { firstByte: 0, lastByte: 0 },
        { firstByte: 2, lastByte: 3 },
      ],
    ],
    [
      "bytes=-2, 0-1",
      [
        { firstByte: 8, lastByte: 9 },
        { firstByte: 0, lastByte: 1 },
      ],
    ],
    ["bytes=0-1,20-", [{ firstByte: 0, lastByte: 1 }]],
    ["bytes=3-4", [{ firstByte: 3, lastByte: 4 }]],
    ["bytes=10-,20-", "unsatisfiable"],
    ["bytes=0-1,x", undefined],
    ["bytes=0-9,0-9", undefined],
    [`bytes=${Array(257).fill("0-0").join(",")}`, undefined],
    ["pages=1-2", undefined],
    [undefined, undefined],
  ])("%s of ten bytes", (header, ranges) => {
    expect(parseByteRanges(header, 10)).toEqual(ranges);
  });

  it("lie within the content, whatever the header is", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(100), (text, lengthBytes) => {
        const ranges = parseByteRanges(`bytes=${text}`, lengthBytes);
        if (ranges === undefined || ranges === "unsatisfiable") return;
        for (const { firstByte, lastByte } of ranges) {
          expect(firstByte <= lastByte && lastByte < lengthBytes).toBe(true);
        }
      }),
    );
  });
});
