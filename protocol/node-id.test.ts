import { describe, expect, it } from "vitest";

import { nodeKey, parseNodeId } from "./node-id.ts";

describe("a node id", () => {
  it("has 32 lower-case hex digits", () => {
    expect(parseNodeId("0123456789abcdef0123456789abcdef")).toBe(
      "0123456789abcdef0123456789abcdef",
    );
  });

  it.each(["", "0123", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg"])(
    "is not what %j is",
    (text) => {
      expect(parseNodeId(text)).toBeUndefined();
    },
  );

  it("gives the same rank everywhere, 32 bits without a sign", () => {
    expect(nodeKey(parseNodeId(`ffffffff${"0".repeat(24)}`)!)).toBe(0xffffffff);
    expect(nodeKey(parseNodeId(`00000001${"f".repeat(24)}`)!)).toBe(1);
  });
});
