import { describe, expect, it } from "vitest";

import { scopeOf } from "../../platform/origin/registry-content.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import type { MirrorAnswer } from "../mirror-fixture.ts";
import { MirrorFixture } from "../mirror-fixture.ts";

const CONTENT = seededBytes("token", 100_000);
const ALICE = "Basic YWxpY2U6c2VjcmV0";
const BOB = "Basic Ym9iOndyb25n";

/** A registry whose token server gives Alice a token for `team/app`, everybody one for nothing, and Bob none. */
function wantTokens({ upstream }: MirrorFixture): void {
  upstream.on("/token", (request, response) => {
    const { authorization } = request.headers;
    if (authorization === BOB) {
      response.writeHead(401).end();
      return;
    }
    const { searchParams } = new URL(request.url ?? "", upstream.url);
    const isAlices = authorization === ALICE;
    const isHers = isAlices && searchParams.get("scope") === "repository:team/app:pull";
    response.end(JSON.stringify({ token: isHers ? "alice-may" : "nothing", expires_in: 300 }));
  });
  upstream.guard = (request, response) => {
    if (request.url?.startsWith("/token") === true) return false;
    if (request.headers.authorization === "Bearer alice-may") return false;
    const challenge = `Bearer realm="${upstream.url}/token",service="fixture"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
    return true;
  };
}

function wantPassword({ upstream }: MirrorFixture): void {
  upstream.guard = (request, response) => {
    if (request.headers.authorization === ALICE) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    return true;
  };
}

function tokenOf(answer: MirrorAnswer): string {
  return (JSON.parse(answer.body.toString()) as { token: string }).token;
}

describe("a client that learns from the root where to log in", () => {
  it.each([
    ["a registry with tokens", wantTokens],
    ["a registry with passwords", wantPassword],
  ])("gets a private image of %s after it logged in", async (_what, guard) => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    mirror.swarm.add({ bytes: CONTENT, isLocal: true }, scopeOf(mirror.upstream.url));
    guard(mirror);
    const { host, port } = mirror.endpoint;
    const ping = await mirror.ask("/v2/");
    expect([ping.status, ping.headers["www-authenticate"]]).toEqual([
      401,
      `Bearer realm="http://${host}:${port}/token",service="darter"`,
    ]);
    const name = `${mirror.upstream.host}/team/app`;
    const query = `?service=darter&scope=${encodeURIComponent(`repository:${name}:pull`)}`;
    const path = `/v2/${name}/blobs/${digest}`;
    const login = async (authorization: string | undefined): Promise<MirrorAnswer> =>
      await mirror.ask(`/token${query}`, {
        headers: authorization === undefined ? {} : { authorization },
      });

    const alice = tokenOf(await login(ALICE));
    const given = await mirror.ask(path, { headers: { authorization: `Bearer ${alice}` } });
    expect([given.status, given.body.equals(CONTENT)]).toEqual([200, true]);

    expect((await login(BOB)).status).toBe(401);
    const nobody = tokenOf(await login(undefined));
    const refused = await mirror.ask(path, { headers: { authorization: `Bearer ${nobody}` } });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toContain(
      `/token",service="darter",scope="repository:${name}:pull"`,
    );
    expect(refused.body.length).toBeLessThan(1000);
  });

  it("may log in by a form", async () => {
    await using mirror = await MirrorFixture.start();
    wantPassword(mirror);
    mirror.upstream.blob("team/app", CONTENT);
    const post = async (password: string): Promise<number> => {
      const { host, port } = mirror.endpoint;
      const form = { grant_type: "password", username: "alice", password };
      const body = new URLSearchParams({ ...form, scope: "repository:team/app:pull" });
      const answer = await fetch(`http://${host}:${port}/token`, { method: "POST", body });
      await answer.text();
      return answer.status;
    };
    expect([await post("secret"), await post("wrong")]).toEqual([200, 401]);
  });

  it("cannot use a token for one registry at another", async () => {
    await using other = await MirrorFixture.start();
    await using mirror = await MirrorFixture.start({ moreUpstreams: [other.upstream.url] });
    wantPassword(mirror);
    const query = `?scope=${encodeURIComponent(`repository:${mirror.upstream.host}/team/app:pull`)}`;
    const token = tokenOf(
      await mirror.ask(`/token${query}`, { headers: { authorization: ALICE } }),
    );
    const digest = other.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/${other.upstream.host}/team/app/blobs/${digest}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(401);
    expect(other.upstream.requests).toEqual([]);
  });

  it("may go on without a token where nothing is private", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.upstream.blob("team/app", CONTENT);
    const token = tokenOf(await mirror.ask("/token?scope=repository:team/app:pull"));
    const digest = mirror.swarm.add({ bytes: CONTENT });
    const path = `/v2/team/app/blobs/${digest}`;
    for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
      expect((await mirror.ask(path, { headers })).status).toBe(200);
    }
  });
});
