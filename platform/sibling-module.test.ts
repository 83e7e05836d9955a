import { describe, expect, it } from "vitest";
import { siblingModule } from "./sibling-module.ts";

describe("siblingModule", () => {
  it.each([
    ["file:///a/b/asker.ts", "file:///a/b/worker.ts"],
    ["file:///a/b/asker.js", "file:///a/b/worker.js"],
    ["file:///a%20b/asker.js?x=1", "file:///a%20b/worker.js"],
  ])("gives the sibling of %s the same extension", (asker, sibling) => {
    expect(siblingModule(asker, "worker").href).toBe(sibling);
  });
});
