import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ManualClock, MirrorFixture, errorsOf } from "../mirror-fixture.ts";
import { wantToken } from "../upstream-fixture.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const TEXT = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }, null, 3);
const BYTES = Buffer.from(TEXT);

describe("a manifest by digest", () => {
  it("comes from the swarm byte by byte with exact headers, to GET and to HEAD", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: BYTES, mediaType: OCI_MANIFEST, source: "seed" });
    const path = `/v2/team/app/manifests/${digest}`;
    const [got, head] = [await mirror.ask(path), await mirror.ask(path, { method: "HEAD" })];
    for (const { status, headers } of [got, head]) {
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        "content-type": OCI_MANIFEST,
        "content-length": String(BYTES.length),
        "docker-content-digest": digest,
        "docker-distribution-api-version": "registry/2.0",
        "x-darter-source": "seed",
      });
    }
    expect(got.body.equals(BYTES)).toBe(true);
    expect(head.body.length).toBe(0);
    expect(mirror.upstream.lines).toEqual(["GET /v2/"]);
  });

  it("is not sent to who has it already, by its digest or by a tag", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    mirror.swarm.add({ bytes: BYTES, mediaType: OCI_MANIFEST });
    const headers = { "if-none-match": `"${digest}"` };
    for (const reference of [digest, "v1"]) {
      for (const method of ["GET", "HEAD"] as const) {
        const path = `/v2/team/app/manifests/${reference}`;
        const answer = await mirror.ask(path, { method, headers });
        expect([answer.status, answer.body.length]).toEqual([304, 0]);
        expect(answer.headers["docker-content-digest"]).toBe(digest);
      }
    }
  });

  it("is asked for at the origin with every known type, and the client's before them", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: BYTES });
    const headers = { accept: "application/x-new, */*" };
    await mirror.ask(`/v2/team/app/manifests/${digest}`, { headers });
    const accept = mirror.swarm.requests[0]?.origin?.headers.get("accept") ?? "";
    expect(accept.startsWith("application/x-new, */*, ")).toBe(true);
    expect(accept).toContain(OCI_INDEX);
    expect(accept).toContain("application/vnd.docker.distribution.manifest.list.v2+json");
  });

  it.each([
    ["application/octet-stream", '{"mediaType":"application/vnd.example+json"}'],
    [undefined, '{"mediaType":"application/vnd.example+json","manifests":[]}'],
  ])("whose origin says %s has the type that stands in it", async (mediaType, text) => {
    await using mirror = await MirrorFixture.start();
    const bytes = Buffer.from(text);
    const digest = mirror.swarm.add({ bytes, ...(mediaType === undefined ? {} : { mediaType }) });
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect(answer.headers["content-type"]).toBe("application/vnd.example+json");
  });

  it("of nearly 4 MiB passes", async () => {
    await using mirror = await MirrorFixture.start();
    const bytes = Buffer.from(JSON.stringify({ manifests: [], filler: "x".repeat(3_900_000) }));
    const digest = mirror.swarm.add({ bytes });
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect(answer.headers["content-type"]).toBe(OCI_INDEX);
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it("of more than 8 MiB is refused", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: Buffer.alloc(8 * 1024 * 1024 + 1) });
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "SIZE_INVALID"]);
  });

  it("comes from its registry when the swarm cannot serve", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect(answer.body.equals(BYTES)).toBe(true);
    expect(answer.headers).toMatchObject({
      "content-type": OCI_MANIFEST,
      "docker-content-digest": digest,
      "x-darter-source": "origin",
    });
  });

  it("with wrong bytes at its registry is told by 502", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = sha256Digest(Buffer.from("something else"));
    mirror.upstream.on(`/v2/team/app/manifests/${digest}`, (_request, response) => {
      response.end(TEXT);
    });
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "DIGEST_INVALID"]);
  });

  it("that does not exist is unknown", async () => {
    await using mirror = await MirrorFixture.start();
    const answer = await mirror.ask(`/v2/team/app/manifests/${sha256Digest(BYTES)}`);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([404, "MANIFEST_UNKNOWN"]);
  });
});

describe("a tag", () => {
  it("is asked by HEAD at the registry, and its manifest comes from the swarm", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    mirror.swarm.add({ bytes: BYTES, mediaType: OCI_MANIFEST });
    const headers = { accept: OCI_MANIFEST };
    const answer = await mirror.ask("/v2/team/app/manifests/v1", { headers });
    expect(answer.body.equals(BYTES)).toBe(true);
    expect(answer.headers["docker-content-digest"]).toBe(digest);
    expect(mirror.upstream.lines).toEqual(["GET /v2/", "HEAD /v2/team/app/manifests/v1"]);
    expect(mirror.upstream.requests[1]?.headers.accept).toBe(OCI_MANIFEST);
  });

  it("is answered to HEAD without its manifest being fetched", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_INDEX, TEXT);
    const answer = await mirror.ask("/v2/team/app/manifests/v1", { method: "HEAD" });
    expect(answer.headers).toMatchObject({
      "content-type": OCI_INDEX,
      "content-length": String(BYTES.length),
      "docker-content-digest": digest,
      "x-darter-source": "origin",
    });
    expect(mirror.swarm.requests).toEqual([]);
  });

  it("whose registry gives HEAD no digest is fetched, and its digest computed", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.on("/v2/team/app/manifests/v1", (_request, response) => {
      response.writeHead(200, { "content-type": OCI_MANIFEST }).end(TEXT);
    });
    for (const method of ["GET", "HEAD"]) {
      const answer = await mirror.ask("/v2/team/app/manifests/v1", { method });
      expect(answer.headers).toMatchObject({
        "content-type": OCI_MANIFEST,
        "content-length": String(BYTES.length),
        "docker-content-digest": sha256Digest(BYTES),
      });
      if (method === "GET") expect(answer.body.equals(BYTES)).toBe(true);
    }
  });

  it("whose registry refuses HEAD is fetched", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.on("/v2/team/app/manifests/v1", (request, response) => {
      if (request.method === "HEAD") response.writeHead(405).end();
      else response.writeHead(200, { "content-type": OCI_MANIFEST }).end(TEXT);
    });
    const answer = await mirror.ask("/v2/team/app/manifests/v1");
    expect(answer.body.equals(BYTES)).toBe(true);
  });

  it("whose registry gives HEAD no type is answered with the manifest's own", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.swarm.add({ bytes: BYTES });
    mirror.upstream.on("/v2/team/app/manifests/v1", (_request, response) => {
      response.writeHead(200, { "docker-content-digest": sha256Digest(BYTES) }).end();
    });
    const answer = await mirror.ask("/v2/team/app/manifests/v1", { method: "HEAD" });
    expect(answer.headers["content-type"]).toBe(OCI_MANIFEST);
    expect(answer.headers["content-length"]).toBe(String(BYTES.length));
  });

  it("is answered from what its registry said last when that fails, and says so", async () => {
    const clock = new ManualClock();
    await using mirror = await MirrorFixture.start({ clock });
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    const ask = () => mirror.ask("/v2/team/app/manifests/v1", { method: "HEAD" });
    const fresh = await ask();
    mirror.upstream.guard = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    const remembered = await ask();
    clock.advance(60_000);
    const stale = await ask();
    expect([fresh, remembered, stale].map(({ headers }) => headers["x-darter-stale"])).toEqual([
      undefined,
      undefined,
      "true",
    ]);
    expect(stale.headers["docker-content-digest"]).toBe(digest);
    expect(await mirror.registry.metrics()).toContain("registry_proxy_stale_tags_total 1\n");
  });

  it("that the registry does not know is unknown, even if it did before", async () => {
    const clock = new ManualClock();
    await using mirror = await MirrorFixture.start({ clock });
    mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    await mirror.ask("/v2/team/app/manifests/v1", { method: "HEAD" });
    mirror.upstream.guard = (_request, response) => {
      response.writeHead(404).end();
      return true;
    };
    clock.advance(60_000);
    const answer = await mirror.ask("/v2/team/app/manifests/v1");
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([404, "MANIFEST_UNKNOWN"]);
  });

  it.each([429, 500, 503])(
    "that was never seen is told by 502 when the registry answers %i, never by 429",
    async (status) => {
      await using mirror = await MirrorFixture.start();
      mirror.upstream.guard = (_request, response) => {
        response.writeHead(status).end();
        return true;
      };
      const answer = await mirror.ask("/v2/team/app/manifests/v1");
      expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "UNAVAILABLE"]);
    },
  );
});

describe("a registry that gives strangers a token", () => {
  it("is asked with one, for tags, for the swarm and for what the swarm cannot serve", async () => {
    await using mirror = await MirrorFixture.start();
    wantToken(mirror.upstream, "abc.def", "repository:team/app:pull");
    const digest = mirror.upstream.manifest("team/app", "v1", OCI_MANIFEST, TEXT);
    const answer = await mirror.ask("/v2/team/app/manifests/v1");
    expect(answer.body.equals(BYTES)).toBe(true);
    expect(mirror.swarm.requests[0]?.origin?.headers.get("authorization")).toBe("Bearer abc.def");
    await mirror.ask(`/v2/team/app/manifests/${digest}`);
    const tokens = mirror.upstream.lines.filter((line) => line.includes("/token"));
    expect(tokens.length).toBe(1);
  });

  it("relays its challenge when the token does not open the repository", async () => {
    await using mirror = await MirrorFixture.start();
    wantToken(mirror.upstream, "abc.def", "repository:another:pull");
    const answer = await mirror.ask("/v2/team/app/manifests/v1");
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer realm="${mirror.upstream.url}/token",service="fixture"`,
    );
  });

  it("is asked again with a fresh token when the swarm's origin refused the old one", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.on("/token", (_request, response) => response.end('{"access_token":"new"}'));
    const challenge = `Bearer realm="${mirror.upstream.url}/token",scope="repository:x:pull"`;
    const digest = mirror.swarm.add({ bytes: BYTES, mediaType: OCI_MANIFEST });
    const open = mirror.swarm.open.bind(mirror.swarm);
    mirror.swarm.open = async (request, signal) => {
      if (request.origin?.headers.get("authorization") === "Bearer new") {
        return await open(request, signal);
      }
      throw new ProtocolError("ORIGIN_UNAUTHORIZED", "a token is missing", { challenge });
    };
    const answer = await mirror.ask(`/v2/team/app/manifests/${digest}`);
    expect(answer.body.equals(BYTES)).toBe(true);
    expect(mirror.upstream.lines.at(-1)).toBe("GET /token?scope=repository%3Ax%3Apull");
  });
});
