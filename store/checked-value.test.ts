import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sealValue, unsealValue } from "./checked-value.ts";

describe("sealed values", () => {
  it("come back under their own key only, and not with a bit changed or cut", () => {
    const flip = fc.record({
      key: fc.string(),
      payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(flip, ({ key, payload, at }) => {
        const sealed = sealValue(key, payload);
        expect(unsealValue(key, sealed)).toEqual(payload);
        expect(unsealValue(`${key}x`, sealed)).toBeUndefined();
        const changed = sealed.slice();
        changed[(at >>> 3) % sealed.length]! ^= 1 << (at & 7);
        expect(unsealValue(key, changed)).toBeUndefined();
        expect(unsealValue(key, sealed.subarray(0, at % 4))).toBeUndefined();
      }),
    );
  });
});
