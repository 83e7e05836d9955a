import { describe, expect, it } from "vitest";

import { RegistryError } from "../registry-error.ts";
import { parseRegistryRequest } from "./registry-request.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

describe("the request line", () => {
  it.each([
    ["/v2/", { route: "ping" }],
    ["/v2", { route: "ping" }],
    ["/healthz", { route: "healthz" }],
    ["/metrics?x=1", { route: "metrics" }],
    [
      "/v2/library/nginx/manifests/1.2?ns=docker.io",
      {
        route: "manifest",
        name: "library/nginx",
        namespace: "docker.io",
        reference: { tag: "1.2" },
      },
    ],
    [
      `/v2/a/manifests/manifests/${DIGEST}`,
      { route: "manifest", name: "a/manifests", reference: { digest: DIGEST } },
    ],
    [
      `/v2/127.0.0.1:5000/a/blobs/${DIGEST.replace(":", "%3A")}`,
      { route: "blob", name: "127.0.0.1:5000/a", digest: DIGEST },
    ],
    [
      "/v2/a/blobs/sha512:" + "b".repeat(128),
      { route: "blob", name: "a", digest: "sha512:" + "b".repeat(128) },
    ],
  ])("%s is understood", (target, expected) => {
    expect(parseRegistryRequest("GET", target)).toMatchObject(expected);
  });

  it("keeps the query of lists for the upstream, without ns", () => {
    const request = parseRegistryRequest("GET", "/v2/a/tags/list?n=5&ns=x.io&last=v1");
    expect(request).toMatchObject({ route: "tags", namespace: "x.io" });
    expect("query" in request && request.query.toString()).toBe("n=5&last=v1");
  });

  it.each([
    ["GET", "/v2/a/manifests/sha256:baddigeststring", 400, "DIGEST_INVALID"],
    ["GET", `/v2/a/blobs/${DIGEST.toUpperCase()}`, 400, "DIGEST_INVALID"],
    ["GET", "/v2/a/blobs/latest", 400, "DIGEST_INVALID"],
    ["GET", "/v2/a/referrers/sha256:1", 400, "DIGEST_INVALID"],
    ["GET", "/v2/a/manifests/-x", 400, "TAG_INVALID"],
    ["GET", `/v2/a/manifests/${"x".repeat(129)}`, 400, "TAG_INVALID"],
    ["GET", "/v2/%zz/manifests/x", 400, "NAME_INVALID"],
    ["GET", `/v2/${"a".repeat(9000)}/manifests/x`, 414, "NAME_INVALID"],
    ["GET", "/v2/manifests/x", 404, "UNSUPPORTED"],
    ["GET", "/v2/a/tags/all", 404, "UNSUPPORTED"],
    ["GET", "/v2/_catalog", 404, "UNSUPPORTED"],
    ["GET", "/", 404, "UNSUPPORTED"],
    ["PUT", "/v2/a/manifests/x", 405, "UNSUPPORTED"],
    ["POST", "/v2/a/blobs/uploads/", 405, "UNSUPPORTED"],
    ["DELETE", `/v2/a/blobs/${DIGEST}`, 405, "UNSUPPORTED"],
  ])("%s %s is refused", (method, target, status, code) => {
    expect.assertions(2);
    try {
      parseRegistryRequest(method, target);
    } catch (error) {
      expect(error).toBeInstanceOf(RegistryError);
      expect(error).toMatchObject({ status, code });
    }
  });
});
