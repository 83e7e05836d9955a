import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from "node:http";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { BlockList } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { MirrorFixtureOptions } from "../mirror-fixture.ts";
import { MirrorFixture } from "../mirror-fixture.ts";
import { authority, authorityPem } from "./authority-fixture.ts";
import { ProxyClients } from "./proxy-clients.ts";
import type { ProxyConfig } from "./proxy-config.ts";

const CONFIG: ProxyConfig = {
  rules: [
    { match: /\/shared\//, isShared: true, isHttps: false, redirect: undefined, filter: ["sig"] },
  ],
  intercepted: [/^files\.example\.com:443$/],
  authority: undefined,
  clients: new BlockList(),
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An origin on loopback that notes what it is asked. */
class Origin implements AsyncDisposable {
  readonly seen: Seen[] = [];
  answer: RequestListener = (_request, response) => void response.end("from the origin");
  readonly #server = createServer((asked, response) => void this.#handle(asked, response));

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #handle(asked: IncomingMessage, response: Parameters<RequestListener>[1]): Promise<void> {
    let body = "";
    for await (const chunk of asked) body += String(chunk);
    const { method = "", url = "", headers } = asked;
    this.seen.push({ method, url, headers, body });
    this.answer(asked, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let resources: AsyncDisposableStack;
let origin: Origin;
let originUrl: string;

beforeEach(async () => {
  resources = new AsyncDisposableStack();
  origin = resources.use(new Origin());
  originUrl = await origin.listen();
});
afterEach(() => resources.disposeAsync());

const start = async (options: Partial<MirrorFixtureOptions> = {}): Promise<MirrorFixture> =>
  resources.use(await MirrorFixture.start({ proxy: { config: CONFIG, authority }, ...options }));

describe("a request that no rule names", () => {
  it("reaches the origin as it is, but for what speaks of the connection", async () => {
    const proxy = await start();
    origin.answer = (_asked, response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.setHeader("keep-alive", "timeout=5");
      response.setHeader("via", "1.0 cache");
      response.writeHead(201, { "x-own": "yes", "server-timing": "db;dur=1" }).end("made");
    };
    const headers = {
      authorization: "Bearer theirs",
      "proxy-authorization": "Basic ours",
      "x-other": "1",
      connection: "keep-alive, x-hop",
      "x-hop": "gone",
      "content-length": "5",
    };
    const answer = await ask(proxy, "PUT", `${originUrl}/a%20b?c=d`, headers, "hello");
    expect(answer).toMatchObject({ status: 201, body: "made" });
    expect(answer.headers).toMatchObject({
      "set-cookie": ["a=1", "b=2"],
      "x-own": "yes",
      via: "1.0 cache, 1.1 darter",
      "server-timing": "db;dur=1",
      "x-darter-source": "origin",
    });
    expect(answer.headers["docker-distribution-api-version"]).toBeUndefined();
    const [seen] = origin.seen;
    expect(seen).toMatchObject({ method: "PUT", url: "/a%20b?c=d", body: "hello" });
    expect(seen?.headers).toMatchObject({
      authorization: "Bearer theirs",
      "x-other": "1",
      via: "1.1 darter",
      host: originUrl.slice("http://".length),
    });
    expect(seen?.headers).not.toHaveProperty("proxy-authorization");
    expect(seen?.headers).not.toHaveProperty("x-hop");
  });

  it("gets redirects, failures and empty answers as they are", async () => {
    const proxy = await start();
    origin.answer = (asked, response) => {
      if (asked.url === "/moved") response.writeHead(302, { location: "http://elsewhere/" }).end();
      else if (asked.url === "/same") response.writeHead(304, { etag: '"1"' }).end();
      else response.writeHead(503, { "retry-after": "9" }).end("busy");
    };
    const moved = await ask(proxy, "GET", `${originUrl}/moved`);
    expect(moved).toMatchObject({ status: 302, headers: { location: "http://elsewhere/" } });
    const same = await ask(proxy, "GET", `${originUrl}/same`, { "if-none-match": '"1"' });
    expect(same).toMatchObject({ status: 304, body: "" });
    const busy = await ask(proxy, "GET", `${originUrl}/busy`);
    expect(busy).toMatchObject({ status: 503, body: "busy", headers: { "retry-after": "9" } });
    expect(origin.seen).toHaveLength(3);
  });

  it("by HEAD gets the length of what it would get", async () => {
    const proxy = await start();
    origin.answer = (_asked, response) => response.writeHead(200, { "content-length": 12 }).end();
    const answer = await ask(proxy, "HEAD", `${originUrl}/shared/x`);
    expect(answer).toMatchObject({ status: 200, headers: { "content-length": "12" }, body: "" });
  });

  it("fails with a sentence where the origin cannot be reached", async () => {
    const proxy = await start();
    const answer = await ask(proxy, "GET", "http://127.0.0.1:1/x");
    expect(answer).toMatchObject({ status: 502, headers: { "x-darter-error": "proxy" } });
    expect(answer.body).toContain("cannot be reached: the connection was refused");
  });
});

describe("a request that a rule names", () => {
  const file = Buffer.from("0123456789".repeat(1000));

  it("is answered by the swarm, a part of it too", async () => {
    const proxy = await start();
    proxy.swarm.urls.set(`${originUrl}/shared/f?sig=1`, { bytes: file, mediaType: "text/x" });
    const whole = await ask(proxy, "GET", `${originUrl}/shared/f?sig=1`, { cookie: "a=1" });
    expect(whole).toMatchObject({
      status: 200,
      body: file.toString(),
      headers: { "content-type": "text/x", "x-darter-source": "peers", "content-length": "10000" },
    });
    const part = await ask(proxy, "GET", `${originUrl}/shared/f?sig=1`, { range: "bytes=11-14" });
    expect(part).toMatchObject({
      status: 206,
      body: "1234",
      headers: { "content-range": "bytes 11-14/10000" },
    });
    expect(origin.seen).toEqual([]);
    expect(proxy.swarm.requests[0]).toMatchObject({
      origin: { headers: new Map([["cookie", "a=1"]]) },
      identity: { filteredQueryParameters: ["sig"] },
    });
    expect(proxy.swarm.openCount).toBe(0);
  });

  it("is answered by the origin where the swarm cannot, or where only the origin can tell", async () => {
    const proxy = await start();
    proxy.swarm.refuse = async () => new ProtocolError("ORIGIN_NOT_FOUND", "there is none");
    origin.answer = (_asked, response) => response.writeHead(404).end("the origin's own page");
    const missing = await ask(proxy, "GET", `${originUrl}/shared/none`);
    expect(missing).toMatchObject({ status: 404, body: "the origin's own page" });
    proxy.swarm.urls.set(`${originUrl}/shared/f`, { bytes: file });
    for (const headers of [{ "if-none-match": '"x"' }, { range: "bytes=20000-" }]) {
      const answer = await ask(proxy, "GET", `${originUrl}/shared/f`, headers);
      expect(answer.body).toBe("the origin's own page");
    }
  });

  it("ends early with a closed connection, and not with wrong bytes, when all fails on the way", async () => {
    const proxy = await start();
    const error = new ProtocolError("ORIGIN_FAILED", "it broke");
    const failure = { atByte: 5000, error };
    proxy.swarm.urls.set(`${originUrl}/shared/f`, { bytes: file, failure, stepBytes: 1000 });
    await expect(ask(proxy, "GET", `${originUrl}/shared/f`)).rejects.toThrow("aborted");
    expect(origin.seen).toEqual([]);
  });
});

describe("an address that nobody may ask for", () => {
  it.each([
    ["http://127.0.0.1:9/", "loopback"],
    ["http://localhost:9/", "loopback"],
    ["http://[::1]:9/", "loopback"],
    ["http://2130706433/", "loopback"],
    ["http://169.254.169.254/latest/meta-data/", "cloud metadata"],
    ["http://169.254.1.1/", "link-local"],
  ])("such as %s is refused, shared or not, and by CONNECT", async (url, kind) => {
    const proxy = await start({ proxyReaches: [] });
    proxy.swarm.refuse = async () => new ProtocolError("ORIGIN_FORBIDDEN", "no");
    for (const path of ["plain", "shared/x"]) {
      const answer = await ask(proxy, "GET", `${url}${path}`);
      expect(answer.status).toBe(403);
      expect(answer.body).toContain(kind);
    }
    const { host, port } = new URL(url);
    const tunnel = await tunnelTo(proxy, port === "" ? `${host}:80` : host);
    expect(tunnel.status).toBe(403);
  });
});

describe("a tunnel", () => {
  it("carries the client's own bytes both ways", async () => {
    const proxy = await start();
    const { status, socket } = await tunnelTo(proxy, originUrl.slice("http://".length));
    expect(status).toBe(200);
    socket.write("GET /inside HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(await textOf(socket)).toContain("from the origin");
    expect(origin.seen[0]).toMatchObject({ url: "/inside", headers: { host: "x" } });
  });

  it("to nowhere fails with a sentence", async () => {
    const proxy = await start();
    const { status, socket } = await tunnelTo(proxy, "127.0.0.1:1");
    expect(status).toBe(502);
    expect(await textOf(socket)).toContain("the connection was refused");
    expect((await tunnelTo(proxy, "nonsense")).status).toBe(400);
  });

  it("is cut when the mirror stops", async () => {
    const proxy = await start();
    const { socket } = await tunnelTo(proxy, originUrl.slice("http://".length));
    const closed = once(socket, "close");
    socket.resume();
    await proxy.server.drain(10);
    await closed;
  });
});

describe("HTTPS of a listed host", () => {
  it("is opened in the name of the authority, and answered like other requests", async () => {
    const proxy = await start();
    const bytes = Buffer.from("shared secret");
    proxy.swarm.urls.set("https://files.example.com/shared/f", { bytes });
    const { socket } = await tunnelTo(proxy, "files.example.com:443");
    const secure = connectTls({ socket, servername: "files.example.com", ca: authorityPem });
    await once(secure, "secureConnect");
    expect(secure.authorized).toBe(true);
    secure.write("GET /shared/f HTTP/1.1\r\nhost: ignored\r\nconnection: close\r\n\r\n");
    expect(await textOf(secure)).toContain("shared secret");
    expect(proxy.swarm.requests[0]?.origin?.url).toBe("https://files.example.com/shared/f");
  });

  it("is not opened for a client that does not trust the authority", async () => {
    const proxy = await start();
    const { socket } = await tunnelTo(proxy, "files.example.com:443");
    const secure = connectTls({ socket, servername: "files.example.com" });
    const [error] = (await once(secure, "error").catch((cause: unknown) => [cause])) as [Error];
    expect(error).toMatchObject({ code: "SELF_SIGNED_CERT_IN_CHAIN" });
    expect(proxy.swarm.requests).toEqual([]);
  });
});

describe("the proxy's clients", () => {
  const from = (remoteAddress: string) =>
    ({ socket: { remoteAddress } }) as unknown as IncomingMessage;

  it("are programs of this machine and those that are listed", () => {
    const listed = new BlockList();
    listed.addSubnet("10.1.0.0", 16, "ipv4");
    const clients = new ProxyClients(listed);
    expect(
      ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"].map((a) =>
        clients.has(from(a)),
      ),
    ).toEqual([true, true, true, true, true]);
    expect(["10.2.0.1", "2001:db8::1"].map((a) => clients.has(from(a)))).toEqual([false, false]);
  });
});

it("is no proxy unless it is told to be", async () => {
  const mirror = resources.use(await MirrorFixture.start());
  expect((await ask(mirror, "GET", `${originUrl}/x`)).status).toBe(404);
  await expect(tunnelTo(mirror, "files.example.com:443")).rejects.toThrow();
  expect(origin.seen).toEqual([]);
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks the proxy for a URL, as clients of a proxy do. */
async function ask(
  { endpoint }: MirrorFixture,
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  const asked = request({ ...endpoint, method, path: url, headers, agent: new Agent() });
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: text };
}

async function tunnelTo(
  { endpoint }: MirrorFixture,
  target: string,
): Promise<{ status: number; socket: Socket }> {
  const asked = request({ ...endpoint, method: "CONNECT", path: target, agent: false });
  asked.end();
  const [answer, socket, head] = (await once(asked, "connect")) as [
    IncomingMessage,
    Socket,
    Buffer,
  ];
  if (head.length > 0) socket.unshift(head);
  return { status: answer.statusCode ?? 0, socket };
}

async function textOf(socket: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += Buffer.from(chunk).toString();
  return text;
}
