import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { FrameError, Reader, Writer, field, optional, readFields, writeFields } from "./wire.ts";
import { text, uint, uints } from "./wire-codecs.ts";

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

describe("an integer", () => {
  it("is read as it was written, up to 2^53 - 1, in at most eight bytes", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = written((writer) => writer.varint(value));
        expect(bytes.length).toBeLessThanOrEqual(8);
        expect(new Reader(bytes).varint()).toBe(value);
      }),
    );
  });

  it.each([
    [0, "00"],
    [127, "7f"],
    [128, "8001"],
    [16_383, "ff7f"],
    [2 ** 32, "8080808010"],
    [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
  ])("%d has the bytes of Protocol Buffers", (value, hex) => {
    expect(Buffer.from(written((writer) => writer.varint(value))).toString("hex")).toBe(hex);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("%d cannot be written", (value) => {
    expect(() => new Writer().varint(value)).toThrow(RangeError);
  });

  it.each(["ffffffffffffff10", "ffffffffffffffffff01", "8080808080808080808000", "80", ""])(
    "of the bytes %s is refused: too large, or without its end",
    (hex) => {
      expect(() => new Reader(Buffer.from(hex, "hex")).varint()).toThrow(FrameError);
    },
  );
});

describe("bytes", () => {
  it("are read as they were written, after others and however many", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 })), (values) => {
        const bytes = written((writer) => values.forEach((value) => writer.bytes(value)));
        const reader = new Reader(bytes);
        for (const value of values) expect(reader.bytes()).toEqual(value);
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  it("are refused when they are said to be longer than the frame", () => {
    expect(() => new Reader(new Uint8Array([5, 1, 2])).bytes()).toThrow("frame ends early");
    expect(() => new Reader(Buffer.from("ffffffffffffff0f", "hex")).bytes()).toThrow(
      "frame ends early",
    );
  });
});

describe("a message", () => {
  const fields = { a: field(1, uint), b: optional(2, text(5)), c: field(3, uints(3)) };

  it("leaves out what is optional and undefined", () => {
    const bytes = written((writer) => writeFields(writer, fields, { a: 1, b: undefined, c: [] }));
    expect(readFields(new Reader(bytes), fields)).toEqual({ a: 1, c: [] });
  });

  it("cannot be written without what it must have", () => {
    expect(() => writeFields(new Writer(), fields, { c: [] } as never)).toThrow(
      "field a is missing",
    );
  });

  it("takes the last of a value that is given twice, and all of a list", () => {
    const bytes = written((writer) => {
      writeFields(writer, fields, { a: 1, b: "x", c: [1] });
      writeFields(writer, fields, { a: 2, b: "y", c: [2, 3] });
    });
    expect(readFields(new Reader(bytes), fields)).toEqual({ a: 2, b: "y", c: [1, 2, 3] });
  });

  it("counts a list over all its runs against its limit", () => {
    const bytes = written((writer) => {
      writeFields(writer, fields, { a: 1, c: [1, 2] });
      writeFields(writer, fields, { a: 1, c: [3, 4] });
    });
    expect(() => readFields(new Reader(bytes), fields)).toThrow("more than 3 integers");
  });

  it("is refused when it uses a wire type that the format does not use here", () => {
    for (const wireType of [1, 3, 4, 5, 6, 7]) {
      const bytes = written((writer) => writer.varint(9 * 8 + wireType));
      expect(() => readFields(new Reader(bytes), fields)).toThrow(
        `wire type ${wireType} is not used here`,
      );
    }
  });
});
