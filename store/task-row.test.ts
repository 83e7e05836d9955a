import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PIECE_LENGTH_BYTES, testTask } from "../test/conformance/piece-fixture.ts";
import { decodeTaskRow, encodeTaskRow, newTaskRow } from "./task-row.ts";

const known = { mediaType: "a/b", fileKey: "0".repeat(64) };
const row = newTaskRow({ ...testTask("a", 3), ...known }, "0123456789abcdef", 2);

describe("decodeTaskRow", () => {
  it("reads what encodeTaskRow writes, also of an unknown length", () => {
    expect(decodeTaskRow(encodeTaskRow(row))).toEqual(row);
    const unknown = { ...row, lengthBytes: undefined, mediaType: undefined, fileKey: undefined };
    expect(decodeTaskRow(encodeTaskRow(unknown))).toEqual(unknown);
  });

  it.each([
    { taskId: "../../etc/passwd" },
    { pieceLengthBytes: PIECE_LENGTH_BYTES - 1 },
    { pieceLengthBytes: undefined },
    { lengthBytes: 1e15 },
    { generation: "../x" },
    { epoch: -1 },
    { heldPieces: 1e9 },
    { heldBytes: "1" },
    { lastUsedAtMs: 0.5 },
  ])("refuses a row with %j", (fields) => {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...row, ...fields }));
    expect(decodeTaskRow(bytes)).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(decodeTaskRow(bytes)).toBeUndefined();
        },
      ),
    );
  });
});
