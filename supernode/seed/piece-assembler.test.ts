import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Digest } from "../../protocol/digest.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";

const PIECE = 64;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("the piece assembler", () => {
  it("cuts any stream of chunks into the pieces of the content, and keeps back the last", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 * PIECE }),
        fc.array(fc.integer({ min: 0, max: 3 * PIECE }), { maxLength: 12 }),
        fc.boolean(),
        (lengthBytes, chunks, isLengthKnown) => {
          const content = seededBytes("assembler", lengthBytes);
          const digest = `sha256:${sha256(content)}` as Digest;
          const assembler = new PieceAssembler({
            pieceLengthBytes: PIECE,
            lengthBytes: isLengthKnown ? lengthBytes : undefined,
            digest,
          });
          const pieces: AssembledPiece[] = [];
          let offset = 0;
          for (const chunk of [...chunks, lengthBytes]) {
            const bytes = content.subarray(offset, offset + chunk);
            pieces.push(...assembler.push(bytes));
            offset += bytes.length;
            const last = Math.ceil(lengthBytes / PIECE) - 1;
            expect(pieces.every(({ pieceIndex }) => pieceIndex < last)).toBe(true);
            if (!isLengthKnown) continue;
            expect(pieces.length).toBe(Math.min(Math.floor(offset / PIECE), Math.max(0, last)));
          }
          const end = assembler.finish();
          pieces.push(...end.pieces);
          expect(end.lengthBytes).toBe(lengthBytes);
          expect(end.digest).toEqual({ actual: digest, matches: true });
          expect(pieces.map(({ pieceIndex }) => pieceIndex)).toEqual([...pieces.keys()]);
          for (const { offsetBytes, lengthBytes: pieceBytes, sha256: hash } of pieces) {
            const part = content.subarray(offsetBytes, offsetBytes + PIECE);
            expect(pieceBytes).toBe(part.length);
            expect(Buffer.from(hash).toString("hex")).toBe(sha256(part));
          }
          expect(pieces).toHaveLength(Math.ceil(lengthBytes / PIECE));
        },
      ),
    );
  });

  it("says what the digest of the whole is when it is not the one expected", () => {
    const expected = `sha512:${"0".repeat(128)}` as Digest;
    const assembler = new PieceAssembler({
      pieceLengthBytes: PIECE,
      lengthBytes: 3,
      digest: expected,
    });
    assembler.push(Buffer.from("abc"));
    const { digest } = assembler.finish();
    expect(digest?.matches).toBe(false);
    expect(digest?.actual).toBe(`sha512:${createHash("sha512").update("abc").digest("hex")}`);
  });
});
