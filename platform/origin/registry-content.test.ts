import { describe, expect, it } from "vitest";

import { parseRegistryContent, scopeOf } from "./registry-content.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

describe("the address of content in a registry", () => {
  it.each(["blobs", "manifests"])("is read for %s", (kind) => {
    expect(parseRegistryContent(`https://r.io:5000/v2/team/app/${kind}/${DIGEST}`)).toEqual({
      authority: "https://r.io:5000",
      repositoryUrl: "https://r.io:5000/v2/team/app",
      kind,
      digest: DIGEST,
    });
  });

  it.each([
    "https://r.io/v2/",
    `https://r.io/v2/team/app/blobs/latest`,
    `https://r.io/v2/team/app/blobs/${DIGEST}?x=1`,
    `https://r.io/v2/team/app/blobs/${DIGEST}#x`,
    `https://r.io/v2/a/../../blobs/${DIGEST}`,
    `https://r.io/v2/%61pp/blobs/${DIGEST}`,
    `https://user:pw@r.io/v2/app/blobs/${DIGEST}`,
    `HTTPS://r.io/v2/app/blobs/${DIGEST}`,
    `ftp://r.io/v2/app/blobs/${DIGEST}`,
    `https://r.io/x/v2/app/blobs/${DIGEST}`,
  ])("is not %s", (url) => {
    expect(parseRegistryContent(url)).toBeUndefined();
  });

  it("has another scope for each scheme, host and port", () => {
    const scopes = ["http://r.io", "https://r.io", "https://r.io:5000", "https://s.io"].map(
      scopeOf,
    );
    expect(new Set(scopes).size).toBe(4);
    for (const scope of scopes) expect(scope).toMatch(/^[0-9a-f]{24}$/);
  });
});
