import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { scopeOf } from "../../platform/origin/registry-content.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import type { MirrorAnswer, MirrorFixtureOptions } from "../mirror-fixture.ts";
import { ManualClock, MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = seededBytes("private", 200_000);
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const ALICE = "Basic YWxpY2U6c2VjcmV0";
const BOB = "Basic Ym9iOndyb25n";
const CHALLENGE = 'Basic realm="private"';

/** A mirror in front of a registry in which `team/*` is Alice's and everything else everybody's. */
async function privateMirror(options: MirrorFixtureOptions = {}): Promise<MirrorFixture> {
  const mirror = await MirrorFixture.start(options);
  mirror.upstream.guard = (request, response) => {
    const isOpen = request.url?.includes("/team/") === false;
    if (isOpen || request.headers.authorization === ALICE) return false;
    response.writeHead(401, { "www-authenticate": CHALLENGE }).end();
    return true;
  };
  return mirror;
}

async function pull(
  mirror: MirrorFixture,
  path: string,
  authorization?: string,
): Promise<MirrorAnswer> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  return await mirror.ask(path, { headers });
}

function expectRefused(answer: MirrorAnswer): void {
  expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
  expect(answer.headers["www-authenticate"]).toBe(CHALLENGE);
}

describe("a private blob that the node holds", () => {
  it("is given to a caller to whom the registry gives it, and to nobody else", async () => {
    await using mirror = await privateMirror();
    const path = `/v2/team/app/blobs/${mirror.upstream.blob("team/app", CONTENT)}`;
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    expectRefused(await pull(mirror, path));
    expectRefused(await pull(mirror, path, BOB));
    const given = await pull(mirror, path, ALICE);
    expect([given.status, given.headers["x-darter-source"]]).toEqual([200, "disk"]);
    expect(given.body.equals(CONTENT)).toBe(true);
    expectRefused(await pull(mirror, path, BOB));
    expectRefused(await pull(mirror, path));
  });

  it("is not given for the word of another registry", async () => {
    await using mirror = await privateMirror();
    await using evil = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    const path = `/v2/team/app/blobs/${digest}?ns=${evil.upstream.host}`;
    const answer = await pull(mirror, path, ALICE);
    expect(answer.status).not.toBe(200);
    expect(answer.body.length).toBeLessThan(1000);
  });

  it("is not given for a right to another repository, unless the registry gives it there too", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    const other = `/v2/team/other/blobs/${digest}`;
    expect((await pull(mirror, other, ALICE)).status).toBe(404);
    mirror.upstream.blob("team/other", CONTENT);
    expect((await pull(mirror, other, ALICE)).status).toBe(200);
  });

  it("is refused within the time that a verdict lives when the right is taken back", async () => {
    const clock = new ManualClock();
    await using mirror = await privateMirror({ clock, verdictMs: 60_000 });
    const path = `/v2/team/app/blobs/${mirror.upstream.blob("team/app", CONTENT)}`;
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    expect((await pull(mirror, path, ALICE)).status).toBe(200);
    mirror.upstream.guard = (_request, response) => {
      response.writeHead(401, { "www-authenticate": CHALLENGE }).end();
      return true;
    };
    expect((await pull(mirror, path, ALICE)).status).toBe(200);
    clock.advance(60_000);
    expectRefused(await pull(mirror, path, ALICE));
  });

  it("answers HEAD and ranges under the same rule", async () => {
    await using mirror = await privateMirror();
    const path = `/v2/team/app/blobs/${mirror.upstream.blob("team/app", CONTENT)}`;
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    const range = { range: "bytes=1000-1999" };
    expect((await mirror.ask(path, { method: "HEAD" })).status).toBe(401);
    expect((await mirror.ask(path, { headers: { ...range, authorization: BOB } })).status).toBe(
      401,
    );
    const head = await mirror.ask(path, { method: "HEAD", headers: { authorization: ALICE } });
    expect([head.status, head.headers["content-length"]]).toEqual([200, "200000"]);
    const part = await mirror.ask(path, { headers: { ...range, authorization: ALICE } });
    expect([part.status, part.headers["content-range"]]).toEqual([206, "bytes 1000-1999/200000"]);
    expect(part.body.equals(CONTENT.subarray(1000, 2000))).toBe(true);
  });
});

describe("a private blob that the node does not hold", () => {
  it("is asked for in the swarm as a private task, with the caller's credential for its registry only", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const scope = scopeOf(mirror.upstream.url);
    mirror.swarm.add({ bytes: CONTENT, source: "seed" }, scope);
    const answer = await pull(mirror, `/v2/team/app/blobs/${digest}`, ALICE);
    expect([answer.status, answer.headers["x-darter-source"]]).toEqual([200, "seed"]);
    const [request] = mirror.swarm.requests;
    expect(request?.taskId).toBe(`${digest}@${scope}`);
    expect(request?.origin?.url).toBe(`${mirror.upstream.url}/v2/team/app/blobs/${digest}`);
    expect(request?.origin?.headers.get("authorization")).toBe(ALICE);
  });

  it("comes from its registry, as the caller, when the swarm cannot serve", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const answer = await pull(mirror, `/v2/team/app/blobs/${digest}`, ALICE);
    expect([answer.status, answer.headers["x-darter-source"]]).toEqual([200, "origin"]);
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it("is not broken by wrong content at its registry without the client's noticing", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", Buffer.from("evil"), sha256Digest(CONTENT));
    const answer = await pull(mirror, `/v2/team/app/blobs/${digest}`, ALICE);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "DIGEST_INVALID"]);
  });
});

describe("a private manifest", () => {
  it("is given by tag and by digest exactly as its registry has it, to who may have it", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.manifest("team/app", "v1", MANIFEST, '{"a": 1}');
    mirror.swarm.add(
      { bytes: Buffer.from('{"a": 1}'), mediaType: MANIFEST, isLocal: true },
      scopeOf(mirror.upstream.url),
    );
    for (const reference of ["v1", digest]) {
      const path = `/v2/team/app/manifests/${reference}`;
      for (const method of ["GET", "HEAD"]) {
        const headers = { authorization: ALICE, accept: MANIFEST };
        const answer = await mirror.ask(path, { method, headers });
        expect(answer.headers).toMatchObject({
          "content-type": MANIFEST,
          "content-length": "8",
          "docker-content-digest": digest,
        });
        expect(answer.body.toString()).toBe(method === "GET" ? '{"a": 1}' : "");
      }
      expectRefused(await pull(mirror, path, BOB));
      expectRefused(await pull(mirror, path));
    }
  });

  it("is answered in an outage only while the verdict lives", async () => {
    const clock = new ManualClock();
    await using mirror = await privateMirror({ clock, verdictMs: 60_000 });
    mirror.upstream.manifest("team/app", "v1", MANIFEST, '{"a": 1}');
    mirror.swarm.add(
      { bytes: Buffer.from('{"a": 1}'), mediaType: MANIFEST, isLocal: true },
      scopeOf(mirror.upstream.url),
    );
    expect((await pull(mirror, "/v2/team/app/manifests/v1", ALICE)).status).toBe(200);
    await mirror.upstream[Symbol.asyncDispose]();
    clock.advance(30_000);
    const stale = await pull(mirror, "/v2/team/app/manifests/v1", ALICE);
    expect([stale.status, stale.headers["x-darter-stale"]]).toEqual([200, "true"]);
    expect((await pull(mirror, "/v2/team/app/manifests/v1", BOB)).status).toBe(502);
    expect((await pull(mirror, "/v2/team/app/manifests/v1")).status).toBe(502);
    clock.advance(30_000);
    expect((await pull(mirror, "/v2/team/app/manifests/v1", ALICE)).status).toBe(502);
  });
});

describe("a repository that everybody may read", () => {
  it("is public for callers with credentials too, and is asked about once", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("open/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, source: "peers" });
    const path = `/v2/open/app/blobs/${digest}`;
    for (const authorization of [ALICE, BOB, ALICE]) {
      const answer = await pull(mirror, path, authorization);
      expect([answer.status, answer.headers["x-darter-source"]]).toEqual([200, "peers"]);
    }
    for (const { taskId, origin } of mirror.swarm.requests) {
      expect([taskId, origin?.headers.has("authorization")]).toEqual([digest, false]);
    }
    expect(mirror.upstream.lines.filter((line) => line === `HEAD ${path}`)).toHaveLength(1);
  });

  it("shares nothing of a private one that has the same layer", async () => {
    await using mirror = await privateMirror();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    mirror.upstream.blob("open/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    mirror.swarm.add({ bytes: CONTENT, source: "seed" });
    const open = await pull(mirror, `/v2/open/app/blobs/${digest}`);
    expect([open.status, open.headers["x-darter-source"]]).toEqual([200, "seed"]);
    const own = await pull(mirror, `/v2/team/app/blobs/${digest}`, ALICE);
    expect([own.status, own.headers["x-darter-source"]]).toEqual([200, "disk"]);
  });
});

describe("lists", () => {
  it("are asked for with the caller's credential", async () => {
    await using mirror = await privateMirror();
    mirror.upstream.on("/v2/team/app/tags/list", (_request, response) => response.end("{}"));
    const digest = sha256Digest(CONTENT);
    for (const path of ["/v2/team/app/tags/list", `/v2/team/app/referrers/${digest}`]) {
      expect((await pull(mirror, path, ALICE)).status).toBe(200);
      expectRefused(await pull(mirror, path, BOB));
    }
  });
});
