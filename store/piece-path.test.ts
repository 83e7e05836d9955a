import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testTaskId } from "../test/conformance/piece-fixture.ts";
import { formatPiecePath, parsePiecePath } from "./piece-path.ts";

const taskId = testTaskId("a");

describe("parsePiecePath", () => {
  it("reads what formatPiecePath writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), (pieceIndex) => {
        expect(parsePiecePath(formatPiecePath({ taskId, pieceIndex }))).toEqual({
          taskId,
          pieceIndex,
        });
      }),
    );
  });

  it.each([
    "",
    "/pieces",
    `/pieces/${taskId}`,
    `/pieces/${taskId}/`,
    `/pieces/${taskId}/-1`,
    `/pieces/${taskId}/01`,
    `/pieces/${taskId}/1.0`,
    `/pieces/${taskId}/1e3`,
    `/pieces/${taskId}/65536`,
    `/pieces/${taskId}/99999999999999999999`,
    `/pieces/${taskId}/1/`,
    `/pieces/${taskId}/1?x=1`,
    `/pieces/${taskId}/%31`,
    `/pieces/${taskId.replace(":", "%3A")}/1`,
    `/pieces/${taskId.toUpperCase()}/1`,
    `/pieces/${taskId.slice(0, -1)}/1`,
    "/pieces/../meta/1",
    "/pieces/sha256:../../etc/passwd/1",
    `//pieces/${taskId}/1`,
    `http://host/pieces/${taskId}/1`,
    `/pieces/${taskId}/1\n`,
  ])("refuses %j", (path) => {
    expect(parsePiecePath(path)).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (path) => {
        expect(parsePiecePath(path)).toBeUndefined();
      }),
    );
  });
});
