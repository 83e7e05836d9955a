import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";

import { EXIT } from "../../platform/user-error.ts";
import { sourceConformance } from "../../test/conformance/source.ts";
import { manifestOf, platformOf } from "./oci-manifest.ts";
import { ociSource } from "./oci-source.ts";

const digestOf = (text: string): string =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;
const blobs = ["a layer", "another layer", '{"architecture":"amd64"}'];
const describeBlob = (text: string) => ({ digest: digestOf(text), size: text.length });
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: describeBlob(blobs[2]!),
  layers: [describeBlob(blobs[0]!), describeBlob(blobs[1]!), describeBlob(blobs[0]!)],
});
const index = JSON.stringify({
  schemaVersion: 2,
  manifests: [
    { digest: digestOf("elsewhere"), platform: { os: "linux", architecture: "arm64" } },
    { ...describeBlob(manifest), platform: { os: "linux", architecture: "amd64" } },
  ],
});
const contents = new Map([...blobs, manifest].map((text) => [digestOf(text), text]));
const files = new Map(
  [...contents].map(([digest, text]) => [`blobs/${digest.replace(":", "/")}`, text]),
);

sourceConformance("an image of a registry that wants tokens", ociSource, {
  files,
  urlOf: (serverUrl) => serverUrl.replace("http://", "oci://") + "/team/app:1.0",
  absentUrlOf: (serverUrl) => serverUrl.replace("http://", "oci://") + "/team/none:1.0",
  options: () => ({ platform: "linux/amd64" }),
  serve(request, response) {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const { pathname: path, searchParams } = url;
    if (path === "/token") {
      const scope = searchParams.get("scope");
      return void response.end(JSON.stringify({ token: `for ${scope}` }));
    }
    const repository = /^\/v2\/(team\/\w+)\//.exec(path)?.[1];
    const { authorization } = request.headers;
    const isLoggedIn = authorization === `Bearer for repository:${repository}:pull`;
    if (!isLoggedIn) {
      response.setHeader("www-authenticate", `Bearer realm="${url.origin}/token",service="s"`);
      return void response.writeHead(401).end();
    }
    const version = path.split("/").at(-1)!;
    if (repository !== "team/app") return void response.writeHead(404).end();
    const text = version === "1.0" ? index : contents.get(version);
    if (text === undefined) return void response.writeHead(404).end();
    response.setHeader(
      "content-type",
      version === "1.0" ? "application/vnd.oci.image.index.v1+json" : "application/octet-stream",
    );
    return void response.end(text);
  },
});

describe("a manifest", () => {
  it("names the platforms that there are when the wanted one is missing", () => {
    const read = manifestOf(index);
    if (read?.kind !== "index") throw new Error("it is no index");
    expect(platformOf(read, "linux/amd64")).toBe(digestOf(manifest));
    expect(() => platformOf(read, "plan9/mips")).toThrow("for linux/arm64, linux/amd64");
    expect(() => platformOf(read, "plan9/mips")).toThrow(
      expect.objectContaining({ exitCode: EXIT.notFound }) as Error,
    );
  });

  it.each(["", "null", "[]", "{}", '{"layers": 7}', "not JSON"])("is none of %j", (text) => {
    expect(manifestOf(text)).toBeUndefined();
  });
});
