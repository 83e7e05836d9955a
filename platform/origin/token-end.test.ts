import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { tokenEndMs } from "./token-end.ts";

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `Bearer ${part({ alg: "none" })}.${part(claims)}.c2ln`;
}

describe("the end of a token", () => {
  it("is the exp of a JSON Web Token", () => {
    expect(tokenEndMs(jwt({ exp: 1_700_000_000 }))).toBe(1_700_000_000_000);
  });

  it.each([jwt({}), jwt({ exp: "soon" }), "Bearer abc", "Basic YTpi", "Bearer a.!!.b"])(
    "is not known for %s",
    (authorization) => {
      expect(tokenEndMs(authorization)).toBeUndefined();
    },
  );

  it("is read from no text with an error", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => tokenEndMs(`Bearer a.${text}.b`)).not.toThrow();
      }),
    );
  });
});
