import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = Buffer.from("content");
const DIGEST = sha256Digest(CONTENT);

describe("a registry at an address that nobody may be sent to", () => {
  it.each([
    "127.0.0.1:1",
    "127.1.2.3",
    "[::1]:5000",
    "[::ffff:127.0.0.1]",
    "0.0.0.0:80",
    "localhost:1",
    "169.254.169.254",
    "169.254.10.10:5000",
    "100.100.100.200",
    "2130706433",
    "0x7f000001",
    "127.1",
  ])("is refused by 403 with the reason: %s", async (host) => {
    await using mirror = await MirrorFixture.start();
    const paths = [
      `/v2/team/app/manifests/v1?ns=${host}`,
      `/v2/team/app/blobs/${DIGEST}?ns=${host}`,
      `/v2/team/app/tags/list?ns=${host}`,
      ...(/^[\d.]*\.[\d.]*$|localhost/.test(host) ? [`/v2/${host}/app/blobs/${DIGEST}`] : []),
    ];
    for (const path of paths) {
      for (const headers of [{}, { authorization: "Basic YTpi" }]) {
        const answer = await mirror.ask(path, { headers });
        expect([path, answer.status]).toEqual([path, 403]);
        expect(errorsOf(answer)[0]?.code).toBe("DENIED");
        expect(errorsOf(answer)[0]?.message).toMatch(/address, which is refused; start with/);
      }
    }
    expect(mirror.upstream.requests).toEqual([]);
  });

  it("is refused when a listed registry redirects there", async () => {
    await using mirror = await MirrorFixture.start();
    await using secret = await MirrorFixture.start();
    secret.upstream.on("/secret", (_request, response) => response.end(CONTENT));
    for (const target of [`${secret.upstream.url}/secret`, "http://169.254.169.254/latest/"]) {
      mirror.upstream.on(`/v2/team/app/blobs/${DIGEST}`, (_request, response) => {
        response.writeHead(307, { location: target }).end();
      });
      const answer = await mirror.ask(`/v2/team/app/blobs/${DIGEST}`);
      expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([403, "DENIED"]);
    }
    expect(secret.upstream.requests).toEqual([]);
  });
});

describe("a redirect to another host", () => {
  it("is followed without the caller's credential", async () => {
    await using storage = await MirrorFixture.start();
    await using mirror = await MirrorFixture.start({ moreUpstreams: [storage.upstream.url] });
    storage.upstream.on("/store", (_request, response) => response.end(CONTENT));
    mirror.upstream.guard = (request, response) => {
      if (request.headers.authorization === "Basic YTpi") return false;
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return true;
    };
    mirror.upstream.on(`/v2/team/app/blobs/${DIGEST}`, (_request, response) => {
      response.writeHead(307, { location: `${storage.upstream.url}/store` }).end();
    });
    const headers = { authorization: "Basic YTpi" };
    const answer = await mirror.ask(`/v2/team/app/blobs/${DIGEST}`, { headers });
    expect([answer.status, answer.body.equals(CONTENT)]).toEqual([200, true]);
    expect(storage.upstream.requests.length).toBeGreaterThan(0);
    for (const { headers: sent } of storage.upstream.requests) {
      expect(sent.authorization).toBeUndefined();
    }
  });
});
