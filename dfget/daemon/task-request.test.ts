import { describe, expect, it } from "vitest";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { taskRequestOf } from "./task-request.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

describe("the request of a program to its daemon", () => {
  it("keeps a file that is asked for with headers apart, although its digest is known", () => {
    const request = { url: "https://a.example/f", digest: DIGEST };
    expect(taskRequestOf({ ...request, headers: { cookie: "c" } }).taskId).toBeUndefined();
    expect(taskRequestOf({ ...request, url: "https://me:pw@a.example/f" }).taskId).toBeUndefined();
  });

  it("becomes a task named by its digest where it has one", () => {
    const request = taskRequestOf({ url: "https://a.example/f#part", digest: DIGEST, tag: "x" });
    expect(request.taskId).toBe(DIGEST);
    expect(request.origin).toEqual({ url: "https://a.example/f", headers: new Map() });
    expect(request.identity).toEqual({ filteredQueryParameters: [], tag: "x" });
  });

  it("keeps a user and a password out of the URL and sends them as a header", () => {
    const request = taskRequestOf({ url: "https://bob:p%40ss@a.example/f" });
    expect(request.origin?.url).toBe("https://a.example/f");
    const login = Buffer.from("bob:p@ss").toString("base64");
    expect(request.origin?.headers.get("authorization")).toBe(`Basic ${login}`);
    const chosen = taskRequestOf({
      url: "https://bob:p@a.example/f",
      headers: { Authorization: "Bearer t" },
    });
    expect(chosen.origin?.headers.get("authorization")).toBe("Bearer t");
  });

  it.each([
    ["a URL that cannot be read", { url: "nonsense" }],
    ["another scheme", { url: "file:///etc/passwd" }],
    ["a malformed digest", { url: "http://a/f", digest: "sha256:xyz" }],
    ["an upper-case digest", { url: "http://a/f", digest: DIGEST.toUpperCase() }],
    ["a header with a line break", { url: "http://a/f", headers: { a: "b\r\nc: d" } }],
    ["a header's name with a space", { url: "http://a/f", headers: { "a b": "c" } }],
    ["a header that cuts the file", { url: "http://a/f", headers: { Range: "bytes=0-1" } }],
    ["the same header twice", { url: "http://a/f", headers: { A: "1", a: "2" } }],
    ["headers beyond the limit", { url: "http://a/f", headers: { a: "x".repeat(33_000) } }],
  ])("is refused for %s", (_what, request) => {
    expect(() => taskRequestOf(request)).toThrow(ProtocolError);
  });

  it("never repeats a header's value in a refusal", () => {
    const request = { url: "http://a/f", headers: { authorization: "secret\n" } };
    expect(() => taskRequestOf(request)).toThrow(/^(?!.*secret)/);
  });
});
