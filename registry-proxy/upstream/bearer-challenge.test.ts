import { describe, expect, it } from "vitest";

import { parseBearerChallenge } from "./bearer-challenge.ts";

describe("a registry's challenge", () => {
  it.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
      ["https://auth.docker.io/token", "registry.docker.io", "repository:library/nginx:pull"],
    ],
    ['bearer  realm=http://a/t , service="x \\"y\\""', ["http://a/t", 'x "y"', undefined]],
    ['Basic realm="first", Bearer realm="https://a/t"', ["https://a/t", undefined, undefined]],
  ])("%s is read", (header, [realm, service, scope]) => {
    const challenge = parseBearerChallenge(header);
    expect(challenge?.realm.href).toBe(realm);
    expect([challenge?.service, challenge?.scope]).toEqual([service, scope]);
  });

  it.each([
    'Basic realm="x"',
    "Bearer",
    'Bearer service="x"',
    'Bearer realm="not a url"',
    'Bearer realm="file:///etc/passwd"',
    `Bearer realm="https://a/${"x".repeat(5000)}"`,
  ])("%s is no use", (header) => {
    expect(parseBearerChallenge(header)).toBeUndefined();
  });
});
