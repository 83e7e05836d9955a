import { describe, expect, it } from "vitest";

import { TokenSeal } from "./token-seal.ts";

const LOGIN = { registry: "https://r.io", basic: "Basic YWxpY2U6c2VjcmV0" };

describe("a token of ours", () => {
  it("gives back the login until it is over", () => {
    let nowMs = 0;
    const seal = new TokenSeal(() => nowMs);
    const token = seal.seal(LOGIN, 1000);
    expect(token).toMatch(/^[A-Za-z0-9._~+/-]+$/);
    expect(seal.open(token)).toEqual(LOGIN);
    nowMs = 1000;
    expect(seal.open(token)).toBeUndefined();
  });

  it("shows nothing of the login", () => {
    const seal = new TokenSeal(() => 0);
    const token = seal.seal(LOGIN, 1000);
    const text = Buffer.from(token.slice("darter.".length), "base64url").toString("latin1");
    expect(text).not.toContain("r.io");
    expect(text).not.toContain("YWxpY2U6");
    expect(seal.seal(LOGIN, 1000)).not.toBe(token);
  });

  it("that was changed anywhere, or made by another process, opens nothing", () => {
    const seal = new TokenSeal(() => 0);
    const token = seal.seal(LOGIN, 1000);
    for (let i = "darter.".length; i < token.length - 1; i++) {
      const other = token[i] === "A" ? "B" : "A";
      expect(seal.open(token.slice(0, i) + other + token.slice(i + 1))).toBeUndefined();
    }
    expect(new TokenSeal(() => 0).open(token)).toBeUndefined();
    for (const text of ["", "darter.", "darter.AAAA", `${token}AAAA`])
      expect(seal.open(text)).toBeUndefined();
  });
});
