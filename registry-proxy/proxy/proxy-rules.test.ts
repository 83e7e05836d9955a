import { describe, expect, it } from "vitest";

import type { ProxyRule } from "./proxy-rules.ts";
import { decide } from "./proxy-rules.ts";

const rule = (match: string, more: Partial<ProxyRule> = {}): ProxyRule => ({
  match: new RegExp(match),
  isShared: true,
  isHttps: false,
  redirect: undefined,
  filter: [],
  ...more,
});

const decided = (rules: readonly ProxyRule[], url: string, method = "GET"): [string, boolean] => {
  const decision = decide(rules, method, new URL(url));
  return [decision.url.href, decision.isShared];
};

const RULES = [
  rule("/blobs/sha256"),
  rule("generic", { isShared: false }),
  rule("secure", { isHttps: true }),
  rule("moved", { redirect: "other.example.com:8443" }),
  rule("both", { isShared: false, isHttps: true, redirect: "third.example.com" }),
];

describe("the rules of the proxy", () => {
  it.each([
    ["http://h/v2/a/blobs/sha256:1", "http://h/v2/a/blobs/sha256:1", true],
    ["http://h/generic", "http://h/generic", false],
    ["http://h/nothing", "http://h/nothing", false],
    ["http://h/secure", "https://h/secure", true],
    ["http://h:8080/secure", "https://h:8080/secure", true],
    ["https://h/secure", "https://h/secure", true],
    ["http://h:81/moved?x=1", "http://other.example.com:8443/moved?x=1", true],
    ["http://h:81/both", "https://third.example.com/both", false],
  ])("send %s to %s, shared: %s", (url, target, isShared) => {
    expect(decided(RULES, url)).toEqual([target, isShared]);
  });

  it("let the first that matches win", () => {
    const rules = [
      rule("a", { isShared: false }),
      rule("a"),
      rule("b"),
      rule("b", { isShared: false }),
    ];
    expect(decided(rules, "http://h/a")).toEqual(["http://h/a", false]);
    expect(decided(rules, "http://h/b")).toEqual(["http://h/b", true]);
  });

  it("share nothing but GET, and send the others where GET would go", () => {
    for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"]) {
      expect(decided(RULES, "http://h/moved", method)).toEqual([
        "http://other.example.com:8443/moved",
        false,
      ]);
    }
  });

  it("share nothing where there is none", () => {
    expect(decided([], "http://h/v2/a/blobs/sha256:1")).toEqual([
      "http://h/v2/a/blobs/sha256:1",
      false,
    ]);
  });
});
