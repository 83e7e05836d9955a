import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";
import { wantToken } from "../upstream-fixture.ts";

const DIGEST = sha256Digest(Buffer.from("subject"));
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

describe("the list of tags", () => {
  it("is passed through with its query and a link to the next page at the mirror", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.on("/v2/team/app/tags/list", (_request, response) => {
      response.setHeader("link", '</v2/team/app/tags/list?last=b&n=2>; rel="next"');
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.end('{"name":"team/app","tags":["a","b"]}');
    });
    const ns = mirror.upstream.host;
    const answer = await mirror.ask(`/v2/team/app/tags/list?n=2&ns=${ns}`);
    expect(JSON.parse(answer.body.toString())).toEqual({ name: "team/app", tags: ["a", "b"] });
    expect(answer.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      link: `</v2/team/app/tags/list?last=b&n=2&ns=${encodeURIComponent(ns)}>; rel="next"`,
    });
    expect(mirror.upstream.lines.at(-1)).toBe("GET /v2/team/app/tags/list?n=2");
  });

  it("of an unknown repository is told by 404", async () => {
    await using mirror = await MirrorFixture.start();
    const answer = await mirror.ask("/v2/team/none/tags/list");
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([404, "NAME_UNKNOWN"]);
  });

  it("is asked for with the token that strangers get", async () => {
    await using mirror = await MirrorFixture.start();
    wantToken(mirror.upstream, "abc", "repository:team/app:pull");
    mirror.upstream.on("/v2/team/app/tags/list", (_request, response) => response.end("{}"));
    expect((await mirror.ask("/v2/team/app/tags/list")).status).toBe(200);
  });
});

describe("the list of referrers", () => {
  it("is passed through", async () => {
    await using mirror = await MirrorFixture.start();
    const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{}] });
    mirror.upstream.on(`/v2/team/app/referrers/${DIGEST}`, (_request, response) => {
      response.setHeader("content-type", OCI_INDEX);
      response.setHeader("oci-filters-applied", "artifactType");
      response.end(text);
    });
    const answer = await mirror.ask(`/v2/team/app/referrers/${DIGEST}?artifactType=x`);
    expect(answer.body.toString()).toBe(text);
    expect(answer.headers).toMatchObject({
      "content-type": OCI_INDEX,
      "oci-filters-applied": "artifactType",
    });
    expect(mirror.upstream.lines.at(-1)).toContain("?artifactType=x");
  });

  it.each([404, 405, 501])("is empty where the registry answers %i", async (status) => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.on(`/v2/team/app/referrers/${DIGEST}`, (_request, response) => {
      response.writeHead(status).end();
    });
    const answer = await mirror.ask(`/v2/team/app/referrers/${DIGEST}?artifactType=x`);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-type": OCI_INDEX,
      "oci-filters-applied": "artifactType",
    });
    expect(JSON.parse(answer.body.toString())).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
    });
  });

  it("is what the tag of the digest holds where the registry knows no such route", async () => {
    await using mirror = await MirrorFixture.start();
    const manifests = [
      { digest: DIGEST, artifactType: "a/sbom", annotations: { x: "y" } },
      { digest: DIGEST, artifactType: "a/signature" },
    ];
    const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    mirror.upstream.manifest("team/app", DIGEST.replace(":", "-"), OCI_INDEX, text);
    const all = await mirror.ask(`/v2/team/app/referrers/${DIGEST}`);
    expect(all.headers).not.toHaveProperty("oci-filters-applied");
    expect(JSON.parse(all.body.toString())).toEqual(JSON.parse(text));
    const some = await mirror.ask(`/v2/team/app/referrers/${DIGEST}?artifactType=a/sbom`);
    expect(some.headers["oci-filters-applied"]).toBe("artifactType");
    expect(JSON.parse(some.body.toString())).toMatchObject({ manifests: [manifests[0]] });
  });
});
