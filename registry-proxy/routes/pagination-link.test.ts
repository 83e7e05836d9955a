import { describe, expect, it } from "vitest";

import { rewriteLink } from "./pagination-link.ts";

const upstream = { registry: "reg.io", baseUrl: "https://reg.io" };

describe("the link to the next page of a list", () => {
  it.each([
    ["team/app", '</v2/team/app/tags/list?n=2&ns=reg.io>; rel="next"'],
    ["reg.io/team/app", '</v2/reg.io/team/app/tags/list?n=2>; rel="next"'],
  ])("leads back to us under the name %s", (clientName, expected) => {
    const repository = { upstream, name: "team/app", clientName };
    for (const target of [
      "/v2/team/app/tags/list?n=2",
      "https://reg.io/v2/team/app/tags/list?n=2",
    ]) {
      expect(rewriteLink(`<${target}>; rel="next"`, repository)).toBe(expected);
    }
  });

  it("is left alone when it leads elsewhere", () => {
    const repository = { upstream, name: "team/app", clientName: "team/app" };
    const link = '<https://else.io/v2/team/app/tags/list>; rel="next"';
    expect(rewriteLink(link, repository)).toBe(link);
  });
});
