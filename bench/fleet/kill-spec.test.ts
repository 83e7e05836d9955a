import { describe, expect, it } from "vitest";

import { parseKillSpec } from "./kill-spec.ts";

describe("a kill", () => {
  it("names a node or the supernode, and a share in percent", () => {
    expect(parseKillSpec("node:3@50%")).toEqual({
      target: { kind: "node", index: 3 },
      atShare: 0.5,
    });
    expect(parseKillSpec("supernode@30%")).toEqual({
      target: { kind: "supernode" },
      atShare: 0.3,
    });
    expect(parseKillSpec("node:0@12.5%")?.atShare).toBe(0.125);
    expect(parseKillSpec("node:0@0%")?.atShare).toBe(0);
    expect(parseKillSpec("node:0@100%")?.atShare).toBe(1);
  });

  it.each([
    "",
    "node@50%",
    "node:@50%",
    "node:-1@50%",
    "node:1.5@50%",
    "node:3@50",
    "node:3@101%",
    "node:3@-1%",
    "supernode:1@30%",
    "supernode",
    "origin@30%",
    " node:3@50%",
    "node:3@50%,supernode@30%",
  ])("is not read from %j", (text) => {
    expect(parseKillSpec(text)).toBeUndefined();
  });
});
