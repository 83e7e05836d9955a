import { describe, expect, it } from "vitest";

import { isShareable, sharedHeaders } from "./shared-headers.ts";

describe("the headers of a shared request", () => {
  it("are those that may be a credential or choose a version", () => {
    const headers = {
      host: "files.example.com",
      "user-agent": "curl/8",
      "accept-encoding": "gzip",
      "proxy-authorization": "Basic c2VjcmV0",
      "sec-fetch-mode": "cors",
      range: "bytes=0-1",
      accept: "*/*",
      authorization: "Bearer token",
      cookie: "session=1",
      "private-token": "abc",
      "accept-language": "de",
    };
    expect([...sharedHeaders(headers)]).toEqual([
      ["authorization", "Bearer token"],
      ["cookie", "session=1"],
      ["private-token", "abc"],
      ["accept-language", "de"],
    ]);
    expect([...sharedHeaders({ accept: "application/json" })]).toEqual([
      ["accept", "application/json"],
    ]);
  });
});

describe("a request", () => {
  it.each([
    [{}, true],
    [{ range: "bytes=5-" }, true],
    [{ "content-length": "0" }, true],
    [{ "content-length": "3" }, false],
    [{ "transfer-encoding": "chunked" }, false],
    [{ "if-none-match": '"a"' }, false],
    [{ "if-range": '"a"', range: "bytes=5-" }, false],
    [{ upgrade: "websocket" }, false],
  ])("with %j may be shared: %s", (headers, expected) => {
    expect(isShareable(headers)).toBe(expected);
  });
});
