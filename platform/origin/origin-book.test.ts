import { once } from "node:events";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { EXIT, UserError } from "../user-error.ts";
import { AddressGate } from "./address-gate.ts";
import type { OriginBook } from "./origin-book.ts";
import { parseOriginBook } from "./origin-book.ts";
import { OriginClient } from "./origin-client.ts";
import { OriginForwarder } from "./origin-forwarder.ts";

const problem = (what: string): UserError => new UserError(EXIT.usage, what);
const bookOf = (...origins: unknown[]): OriginBook => parseOriginBook({ origins }, "/", problem);
const { signal } = new AbortController();

interface Seen {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

let nowMs: number;
let resources: AsyncDisposableStack;

beforeEach(() => {
  nowMs = 0;
  resources = new AsyncDisposableStack();
});
afterEach(() => resources.disposeAsync());

/** A server that answers by `answer`, its address, and what it was asked. */
async function serve(
  answer: RequestListener,
): Promise<{ url: string; host: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, headers: request.headers });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  resources.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, seen };
}

const says =
  (status: number, text: string): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(text);

function clientOf(book: OriginBook): OriginClient {
  const clock = { nowMs: () => nowMs, sleep: async () => undefined };
  const deps = { gate: new AddressGate(["127.0.0.1"]), clock, random: () => 0 };
  return resources.use(new OriginClient(deps, { book, connectionAttempts: 1, answerAttempts: 1 }));
}

async function textOf(
  client: OriginClient,
  url: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const request = { method: "GET", url, headers: new Map(Object.entries(headers)) } as const;
  const answer = await client.fetch(request, signal);
  let text = "";
  for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
  return text;
}

describe("a header of an origin", () => {
  it("goes to that origin alone, and never in place of the caller's", async () => {
    const elsewhere = await serve(says(200, "moved"));
    const origin = await serve((_request, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/x` }).end();
    });
    const client = clientOf(
      bookOf({ host: origin.host, headers: { "X-Team": "a", "X-Own": "b" } }),
    );
    expect(await textOf(client, `${origin.url}/x`, { "x-own": "mine" })).toBe("moved");
    expect(origin.seen[0]?.headers).toMatchObject({ "x-team": "a", "x-own": "mine" });
    expect(elsewhere.seen[0]?.headers).not.toHaveProperty("x-team");
  });
});

describe("the mirrors of an origin", () => {
  it("are asked in order, each with the path behind its own, and the origin last", async () => {
    const [origin, broken, empty] = [
      await serve(says(200, "origin")),
      await serve(says(500, "broken")),
      await serve((request, response) => {
        says(request.url === "/hub/v2/a/blobs/x?y=1" ? 200 : 404, "second mirror")(
          request,
          response,
        );
      }),
    ];
    const mirrors = [broken.url, `${empty.url}/hub/`];
    const client = clientOf(bookOf({ host: origin.host, mirrors }));
    expect(await textOf(client, `${origin.url}/v2/a/blobs/x?y=1`)).toBe("second mirror");
    expect(origin.seen).toEqual([]);
    expect(await textOf(client, `${origin.url}/v2/a/blobs/other`)).toBe("origin");
    expect(broken.seen).toHaveLength(2);
    expect(empty.seen).toHaveLength(2);
  });

  it("are left alone for a while where one cannot be reached", async () => {
    const origin = await serve(says(200, "origin"));
    const mirror = await serve(says(200, "mirror"));
    const dead = "http://127.0.0.1:1";
    const tried: string[] = [];
    const clock = { nowMs: () => nowMs, sleep: async () => undefined };
    const book = bookOf({ host: origin.host, mirrors: [dead, mirror.url] });
    const gate = new AddressGate(["127.0.0.1"]);
    const checkUrl = gate.checkUrl.bind(gate);
    gate.checkUrl = (url: URL) => {
      tried.push(url.origin);
      checkUrl(url);
    };
    const options = { book, connectionAttempts: 1 };
    const client = resources.use(new OriginClient({ gate, clock, random: () => 0 }, options));
    const deadTries = () => tried.filter((each) => each === dead).length;
    expect(await textOf(client, `${origin.url}/x`)).toBe("mirror");
    const first = deadTries();
    expect(first).toBeGreaterThan(0);
    expect(await textOf(client, `${origin.url}/x`)).toBe("mirror");
    expect(deadTries()).toBe(first);
    nowMs += 31_000;
    expect(await textOf(client, `${origin.url}/x`)).toBe("mirror");
    expect(deadTries()).toBeGreaterThan(first);
  });

  it("see no credential: what is asked with one is asked of the origin", async () => {
    const origin = await serve(says(200, "origin"));
    const mirror = await serve(says(200, "mirror"));
    const client = clientOf(bookOf({ host: origin.host, mirrors: [mirror.url] }));
    for (const headers of [{ Authorization: "Bearer a" }, { cookie: "a=1" }]) {
      expect(await textOf(client, `${origin.url}/x`, headers)).toBe("origin");
    }
    expect(await textOf(client, origin.url.replace("//", "//user:password@"))).toBe("origin");
    expect(mirror.seen).toEqual([]);
  });
});

describe("repositories", () => {
  const book = bookOf(
    { host: "registry.example.com", allow: ["^team/"], deny: ["^team/secret"] },
    { host: "docker.io", deny: ["^evil/"] },
    { host: "*.example.org:5000", deny: ["."] },
  );
  it.each([
    ["https://registry.example.com", "team/app", true],
    ["https://registry.example.com:444", "team/app", true],
    ["https://registry.example.com", "other/app", false],
    ["https://registry.example.com", "team/secret/app", false],
    ["https://registry-1.docker.io", "library/app", true],
    ["https://registry-1.docker.io", "evil/app", false],
    ["https://a.example.org:5000", "app", false],
    ["https://a.example.org", "app", true],
    ["https://example.org:5000", "app", true],
  ])("of %s such as %s are allowed: %s", (registry, repository, isAllowed) => {
    expect(book.refusal(new URL(registry), repository) === undefined).toBe(isAllowed);
  });

  it("that are not allowed are not asked for", async () => {
    const origin = await serve(says(200, "origin"));
    const client = clientOf(bookOf({ host: origin.host, deny: ["^secret/"] }));
    expect(await textOf(client, `${origin.url}/v2/team/app/tags/list`)).toBe("origin");
    const isForbidden = { code: "ORIGIN_FORBIDDEN" };
    for (const path of ["manifests/v1", "blobs/sha256:a", "tags/list", "referrers/sha256:a"]) {
      const names = [
        "secret/app",
        "%73ecret/app",
        "secret%2Fapp",
        "/secret/app",
        "a%2F..%2Fsecret/app",
      ];
      for (const name of names) {
        const text = textOf(client, `${origin.url}/v2/${name}/${path}`);
        await expect(text).rejects.toMatchObject(isForbidden);
      }
    }
    expect(origin.seen).toHaveLength(1);
  });

  it("that are not allowed are not asked for by what passes requests on", async () => {
    const origin = await serve(says(200, "origin"));
    const book = bookOf({ host: origin.host, deny: ["^secret/"] });
    const forwarder = resources.use(new OriginForwarder(new AddressGate(["127.0.0.1"]), { book }));
    for (const path of ["manifests/v1", "blobs/uploads/1"]) {
      const url = new URL(`${origin.url}/v2/secret/app/${path}`);
      const passedOn = forwarder.forward(
        { method: "GET", url, headers: {}, body: undefined },
        signal,
      );
      await expect(passedOn).rejects.toMatchObject({ code: "ORIGIN_FORBIDDEN" });
    }
    expect(origin.seen).toEqual([]);
  });
});

describe("the file of origins", () => {
  it.each([
    [{ origin: [] }, 'the file has the unknown key "origin"'],
    [{ origins: [{}] }, "origins[0].host must be a text"],
    [{ origins: [{ host: "http://h/" }] }, "origins[0].host is neither a host"],
    [{ origins: [{ host: "h", ca: "/none.pem" }] }, "origins[0].ca cannot be read"],
    [{ origins: [{ host: "h", key: "/dev/null" }] }, "origins[0] has a key without cert"],
    [{ origins: [{ host: "h", headers: { "a b": "c" } }] }, "headers.a b cannot be sent"],
    [{ origins: [{ host: "h", headers: { a: "c\nd" } }] }, "headers.a cannot be sent"],
    [{ origins: [{ host: "h", mirrors: ["m"] }] }, "origins[0].mirrors[0] is no URL"],
    [{ origins: [{ host: "h", mirrors: ["http://u:p@m/"] }] }, "origins[0].mirrors[0] is no URL"],
    [{ origins: [{ host: "h", allow: ["("] }] }, "allow[0] is no regular expression"],
  ])("is refused when it holds %j", (content, message) => {
    expect(() => parseOriginBook(content, "/", problem)).toThrow(message);
  });

  it("allows the addresses of the mirrors that it names", () => {
    const mirrors = ["https://m.example.com/x", "http://127.0.0.1:5000"];
    expect(bookOf({ host: "h", mirrors }).originPatterns).toEqual([
      "m.example.com:443",
      "127.0.0.1:5000",
    ]);
  });
});
