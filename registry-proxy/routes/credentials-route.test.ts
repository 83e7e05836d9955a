import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = seededBytes("private", 200_000);
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const authorization = "Basic YWxpY2U6c2VjcmV0";

async function privateMirror(): Promise<MirrorFixture> {
  const mirror = await MirrorFixture.start();
  mirror.upstream.guard = (request, response) => {
    if (request.headers.authorization === authorization) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="private"' }).end();
    return true;
  };
  return mirror;
}

describe("a request with credentials", () => {
  it("for a blob goes straight to its registry, even when the swarm holds the content", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, isLocal: true });
    const path = `/v2/team/app/blobs/${digest}`;
    const answer = await mirror.ask(path, { headers: { authorization } });
    expect(answer.body.equals(CONTENT)).toBe(true);
    expect(answer.headers).toMatchObject({
      "content-length": "200000",
      "x-darter-source": "origin",
      "accept-ranges": "bytes",
    });
    expect(mirror.upstream.lines).toEqual([`GET ${path}`]);
    expect(mirror.swarm.requests).toEqual([]);
  });

  it.each([
    ["bytes=1000-1999", 1000, 1999],
    ["bytes=-500", 199_500, 199_999],
    ["bytes=5000-", 5000, 199_999],
  ])("for the range %s of a blob gets it", async (range, first, last) => {
    await using mirror = await privateMirror();
    const path = `/v2/team/app/blobs/${mirror.upstream.blob("team/app", CONTENT)}`;
    const answer = await mirror.ask(path, { headers: { authorization, range } });
    expect([answer.status, answer.headers["content-range"]]).toEqual([
      206,
      `bytes ${first}-${last}/200000`,
    ]);
    expect(answer.body.equals(CONTENT.subarray(first, last + 1))).toBe(true);
  });

  it("for a manifest gets exactly what its registry says", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.manifest("team/app", "v1", MANIFEST, '{"a": 1}');
    for (const reference of ["v1", digest]) {
      for (const method of ["GET", "HEAD"]) {
        const answer = await mirror.ask(`/v2/team/app/manifests/${reference}`, {
          method,
          headers: { authorization, accept: MANIFEST },
        });
        expect(answer.headers).toMatchObject({
          "content-type": MANIFEST,
          "content-length": "8",
          "docker-content-digest": digest,
        });
        expect(answer.body.toString()).toBe(method === "GET" ? '{"a": 1}' : "");
      }
    }
    expect(mirror.upstream.requests[0]?.headers.accept).toBe(MANIFEST);
    expect(mirror.swarm.requests).toEqual([]);
  });

  it("that the registry does not accept is refused with the registry's challenge", async () => {
    await using mirror = await privateMirror();
    const headers = { authorization: "Basic wrong" };
    const answer = await mirror.ask("/v2/team/app/manifests/v1", { headers });
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
    expect(answer.headers["www-authenticate"]).toBe('Basic realm="private"');
    expect(answer.body.toString()).not.toContain("wrong");
  });

  it("reaches the lists too", async () => {
    await using mirror = await privateMirror();
    mirror.upstream.on("/v2/team/app/tags/list", (_request, response) => response.end("{}"));
    const headers = { authorization };
    const tags = await mirror.ask("/v2/team/app/tags/list", { headers });
    const digest = sha256Digest(CONTENT);
    const referrers = await mirror.ask(`/v2/team/app/referrers/${digest}`, { headers });
    expect([tags.status, referrers.status]).toEqual([200, 200]);
  });

  it("is not broken by a wrong content at its registry without the client's noticing", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", Buffer.from("evil"), sha256Digest(CONTENT));
    const path = `/v2/team/app/blobs/${digest}`;
    const answer = await mirror.ask(path, { headers: { authorization } });
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "DIGEST_INVALID"]);
  });
});

describe("a private image without credentials", () => {
  it("is answered by the registry's challenge, for a tag and for a digest", async () => {
    await using mirror = await privateMirror();
    const digest = sha256Digest(CONTENT);
    for (const path of [`manifests/v1`, `manifests/${digest}`, `blobs/${digest}`]) {
      const answer = await mirror.ask(`/v2/team/app/${path}`);
      expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toBe('Basic realm="private"');
    }
  });
});
