import { describe, expect, it } from "vitest";

import { acceptForDigest, acceptForTag, manifestType } from "./manifest-type.ts";

const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

describe("the type of a manifest", () => {
  it.each([
    [DOCKER_MANIFEST, "{}", DOCKER_MANIFEST],
    [`${DOCKER_MANIFEST}; charset=utf-8`, "{}", `${DOCKER_MANIFEST}; charset=utf-8`],
    [DOCKER_MANIFEST, '{"mediaType":"application/vnd.else"}', DOCKER_MANIFEST],
    ["application/octet-stream", `{"mediaType":"${DOCKER_MANIFEST}"}`, DOCKER_MANIFEST],
    [undefined, '{"manifests":[]}', "application/vnd.oci.image.index.v1+json"],
    ["text/plain", '{"config":{},"layers":[]}', "application/vnd.oci.image.manifest.v1+json"],
    ["", '{"schemaVersion":1}', "application/vnd.docker.distribution.manifest.v1+prettyjws"],
    [undefined, '{"mediaType":"bad\\r\\nheader: x"}', "application/octet-stream"],
    ["bad\r\nheader: x", "{}", "application/octet-stream"],
    ["application/json", "[]", "application/json"],
    ["application/json", "not json", "application/json"],
    [undefined, "null", "application/octet-stream"],
  ])("that the origin calls %j with content %s is %s", (said, text, expected) => {
    expect(manifestType(said, Buffer.from(text))).toBe(expected);
  });
});

describe("the types that are asked for", () => {
  it("are the client's for a tag when it is choosy", () => {
    expect(acceptForTag("a/b, c/d;q=0.5")).toBe("a/b, c/d;q=0.5");
  });

  it.each([undefined, "", "*/*", "a/b, */*"])(
    "are all for a tag to a client that sends %s",
    (sent) => {
      expect(acceptForTag(sent)).toContain(DOCKER_MANIFEST);
    },
  );

  it("are all for a digest, which leaves no choice", () => {
    expect(acceptForDigest("a/b")).toMatch(/^a\/b, \*\/\*, application/);
    expect(acceptForDigest(undefined)).toContain(DOCKER_MANIFEST);
  });

  it("are ours when the client's list is absurdly long", () => {
    expect(acceptForTag("a/b,".repeat(2000)).length).toBeLessThan(400);
  });
});
