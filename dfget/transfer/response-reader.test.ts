import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ResponseHead, ResponseSink } from "./response-reader.ts";
import {
  HEADERS_MAX,
  HEAD_LENGTH_BYTES_MAX,
  ResponseError,
  ResponseReader,
} from "./response-reader.ts";

interface Seen {
  heads: ResponseHead[];
  bodies: string[];
  ended: number;
}

/** Reads text in chunks of the given lengths, the last one repeated. */
function read(text: string, chunkLengths: number[] = [text.length]): Seen {
  const reader = new ResponseReader();
  const seen: Seen = { heads: [], bodies: [], ended: 0 };
  const sink: ResponseSink = {
    head: (head) => {
      seen.heads.push(head);
      seen.bodies.push("");
    },
    body: (bytes) => {
      expect(bytes.length).toBeGreaterThan(0);
      seen.bodies[seen.bodies.length - 1] += Buffer.from(bytes).toString("latin1");
    },
    end: () => void (seen.ended += 1),
  };
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = chunkLengths[Math.min(i, chunkLengths.length - 1)]!;
    reader.push(bytes.subarray(at, at + length), sink);
    at += length;
  }
  return seen;
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello";

describe("ResponseReader", () => {
  it("reads status, headers and body", () => {
    const { heads, bodies, ended } = read(OK);
    expect(heads[0]).toMatchObject({ status: 200, contentLengthBytes: 5, isKeptAlive: true });
    expect([...heads[0]!.headers]).toEqual([
      ["content-length", "5"],
      ["x-a", "b"],
    ]);
    expect(bodies).toEqual(["hello"]);
    expect(ended).toBe(1);
  });

  it("reads a response without a body and several in a row", () => {
    const none = "HTTP/1.1 404\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const { heads, bodies, ended } = read(none + OK + none);
    expect(heads.map((head) => head.status)).toEqual([404, 200, 404]);
    expect(heads[0]!.isKeptAlive).toBe(false);
    expect(bodies).toEqual(["", "hello", ""]);
    expect(ended).toBe(3);
  });

  it("gives the same result however the bytes are cut", () => {
    const text = `${OK}HTTP/1.1 503 Busy\r\ncontent-length: 12\r\nretry-after: 1\r\n\r\nHTTP/1.1 200${OK}`;
    const whole = read(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (lengths) => {
        expect(read(text, lengths)).toEqual(whole);
      }),
    );
  });

  it.each([
    ["no status line", "hello\r\n\r\n"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"],
    ["HTTP/2", "HTTP/2 200\r\ncontent-length: 0\r\n\r\n"],
    ["an interim status", "HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n"],
    ["a status without a body", "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n"],
    ["a chunked body", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
    [
      "a transfer coding beside a length",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
    ["no length", "HTTP/1.1 200 OK\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n"],
    ["a list as length", "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n"],
    ["a signed length", "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n"],
    ["a hexadecimal length", "HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\n"],
    ["a length past all numbers", "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999\r\n\r\n"],
    ["a folded header", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n x\r\n\r\n"],
    ["a space before the colon", "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n"],
    ["a header without a name", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n: x\r\n\r\n"],
    ["a bare line feed", "HTTP/1.1 200 OK\r\ncontent-length: 5\nx: y\r\n\r\n"],
    ["a NUL", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: \0\r\n\r\n"],
  ])("refuses %s", (_what, text) => {
    expect(() => read(text)).toThrow(ResponseError);
    expect(() => read(text, [1])).toThrow(ResponseError);
  });

  it("refuses a head with too many headers or too many bytes, also one that never ends", () => {
    const head = (count: number): string =>
      `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${"x: y\r\n".repeat(count)}\r\n`;
    expect(read(head(HEADERS_MAX - 1)).ended).toBe(1);
    expect(() => read(head(HEADERS_MAX))).toThrow("headers");
    expect(() => read(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(HEAD_LENGTH_BYTES_MAX)}`, [999])).toThrow(
      "longer than",
    );
  });

  it("takes nothing more after an error", () => {
    const reader = new ResponseReader();
    const sink: ResponseSink = { head: () => {}, body: () => {}, end: () => {} };
    expect(() => reader.push(Buffer.from("x\r\n\r\n"), sink)).toThrow(ResponseError);
    expect(() => reader.push(Buffer.from(OK), sink)).toThrow(ResponseError);
  });

  it("says whether it stands between two responses", () => {
    const reader = new ResponseReader();
    const sink: ResponseSink = { head: () => {}, body: () => {}, end: () => {} };
    expect(reader.isIdle).toBe(true);
    reader.push(Buffer.from("H"), sink);
    expect(reader.isIdle).toBe(false);
    reader.push(Buffer.from(`${OK.slice(1)}H`), sink);
    expect(reader.isIdle).toBe(false);
  });

  it("throws nothing but its own error, whatever comes, and passes on no byte twice", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 50 }),
      fc.constantFrom("HTTP/1.1 200 OK", "\r\n", "content-length: 7", ": ", "\n", "\r", "\r\n\r\n"),
      fc.constantFrom(
        "HTTP/1.1 206 x\r\ncontent-length: 3\r\n\r\nabc",
        "transfer-encoding:chunked",
      ),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (parts, cut) => {
          const text = parts.join("");
          try {
            const { bodies } = read(text, [cut]);
            expect(bodies.join("").length).toBeLessThanOrEqual(text.length);
          } catch (error) {
            expect(error).toBeInstanceOf(ResponseError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
