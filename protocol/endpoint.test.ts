import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { formatEndpoint, parseEndpoint } from "./endpoint.ts";

describe("an endpoint", () => {
  it.each([
    ["10.0.0.1:8002", "10.0.0.1", 8002],
    ["node-1.example.com:1", "node-1.example.com", 1],
    ["localhost:0", "localhost", 0],
    ["[::1]:65535", "::1", 65_535],
    ["[fe80::1]:80", "fe80::1", 80],
    ["[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80],
  ])("%s is read", (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
    expect(formatEndpoint({ host, port })).toBe(text);
  });

  it.each([
    "",
    ":80",
    "host",
    "host:",
    "host:65536",
    "host:-1",
    "host:8o",
    "host:123456",
    "::1:80",
    "[::1]",
    "[host]:80",
    "http://host:80",
    "user@host:80",
    "host:80/path",
    "host :80",
    "host:80\n",
    `${"h".repeat(254)}:80`,
  ])("is not what %j is", (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });

  it("is written so that it is read as the same", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), fc.nat(65_535), (host, port) => {
        expect(parseEndpoint(formatEndpoint({ host, port }))).toEqual({ host, port });
      }),
    );
  });
});
