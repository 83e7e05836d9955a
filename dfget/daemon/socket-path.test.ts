import { describe, expect, it } from "vitest";

import { UserError } from "../../platform/user-error.ts";
import { socketPathOf } from "./socket-path.ts";

describe("the path of the daemon's socket", () => {
  it("is the one asked for, made absolute", () => {
    expect(socketPathOf("/a/b.sock", "/data", {})).toBe("/a/b.sock");
    expect(socketPathOf("b.sock", "/data", {})).toBe(`${process.cwd()}/b.sock`);
  });

  it("is in the user's runtime directory, which root does not need", () => {
    const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
    const isRoot = process.getuid?.() === 0;
    expect(socketPathOf(undefined, "/data", env)).toBe(
      isRoot ? "/run/darter/dfget.sock" : "/run/user/1000/darter/dfget.sock",
    );
    expect(socketPathOf(undefined, "/data", {})).toBe(
      isRoot ? "/run/darter/dfget.sock" : "/data/dfget.sock",
    );
  });

  it("may have 107 bytes and no more", () => {
    const longest = `/${"x".repeat(106)}`;
    expect(socketPathOf(longest, "/data", {})).toBe(longest);
    expect(() => socketPathOf(`${longest}y`, "/data", {})).toThrow(UserError);
    expect(() => socketPathOf(`/${"é".repeat(54)}`, "/data", {})).toThrow("109 bytes");
  });
});
