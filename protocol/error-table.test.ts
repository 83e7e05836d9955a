import { describe, expect, it } from "vitest";

import { ERRORS, isErrorCode } from "./error-table.ts";
import { ProtocolError } from "./protocol-error.ts";

describe("the table of errors", () => {
  it("gives every code a status of HTTP that is an error, and a sentence", () => {
    for (const [code, { status, meaning }] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(meaning).toMatch(/^[A-Z].*\.$/);
    }
  });

  it("knows its own codes from other words", () => {
    expect(isErrorCode("DIGEST_MISMATCH")).toBe(true);
    for (const word of ["digest_mismatch", "", "toString", "__proto__", "constructor"]) {
      expect(isErrorCode(word)).toBe(false);
    }
  });
});

describe("an error that crosses a process boundary", () => {
  it("has the status of its code, its details and its cause", () => {
    const cause = new Error("below");
    const error = new ProtocolError("ORIGIN_FAILED", "it failed", { originStatus: 503 }, cause);
    expect(error).toMatchObject({
      code: "ORIGIN_FAILED",
      status: 502,
      message: "it failed",
      cause,
    });
    expect(error.details.originStatus).toBe(503);
    expect("cause" in new ProtocolError("INTERNAL", "x")).toBe(false);
  });
});
