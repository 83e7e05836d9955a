import { describe, expect, it } from "vitest";
import type { NodeId } from "../../protocol/node-id.ts";
import { BannedNodes } from "./banned-nodes.ts";

const node = (index: number): NodeId => index.toString(16).padStart(32, "0") as NodeId;

function banned() {
  const clock = { atMs: 1000, nowMs: () => clock.atMs, sleep: async () => {} };
  return { clock, nodes: new BannedNodes(clock) };
}

describe("banned nodes", () => {
  it("are out until their time is over", () => {
    const { clock, nodes } = banned();
    nodes.ban(node(1), 500);
    expect(nodes.leftMs(node(1))).toBe(500);
    expect(nodes.leftMs(node(2))).toBe(0);
    clock.atMs = 1500;
    expect(nodes.leftMs(node(1))).toBe(0);
  });

  it("are out for an hour at most", () => {
    const { nodes } = banned();
    nodes.ban(node(1), 1e12);
    expect(nodes.leftMs(node(1))).toBe(3_600_000);
  });

  it("are forgotten, the oldest first, when there are too many", () => {
    const { nodes } = banned();
    for (let i = 0; i < 1025; i++) nodes.ban(node(i), 500);
    expect(nodes.leftMs(node(0))).toBe(0);
    expect(nodes.leftMs(node(1024))).toBe(500);
  });
});
