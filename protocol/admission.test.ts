import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { formatAdmission, parseAdmission } from "./admission.ts";

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe("an admission", () => {
  it("is read as it was written", () => {
    const signatures = fc.uint8Array({ minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(times, times, signatures, (grantedAtMs, untilMs, signature) => {
        const admission = { grantedAtMs, untilMs, signature };
        expect(parseAdmission(formatAdmission(admission))).toEqual(admission);
      }),
    );
  });

  it("of any other bytes is none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const isForm = bytes.length === 77 && bytes[0] === 1;
        expect(parseAdmission(bytes) !== undefined).toBe(isForm);
      }),
    );
  });
});
