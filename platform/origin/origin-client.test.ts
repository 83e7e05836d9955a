import { once } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { freePort } from "../../test/harness/free-port.ts";
import { AddressGate } from "./address-gate.ts";
import type { OriginClientOptions } from "./origin-client.ts";
import { OriginClient } from "./origin-client.ts";
import type { OriginRequest } from "./origin-request.ts";

const stack: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).toReversed()) await close();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.push(async () => {
    server.close();
    if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
    await once(server, "close");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function origin(
  listener: RequestListener,
): Promise<{ readonly url: string; readonly seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  return { url: await listen(server), seen };
}

/** A client whose waits take no time and are written down. */
function client(options: OriginClientOptions = {}, allowed: readonly string[] = ["127.0.0.1"]) {
  const waits: number[] = [];
  const clock = {
    nowMs: () => 0,
    sleep: async (delayMs: number) => void waits.push(delayMs),
  };
  const made = new OriginClient(
    { gate: new AddressGate(allowed), clock, random: () => 1 },
    options,
  );
  stack.push(async () => await made[Symbol.asyncDispose]());
  return { fetch: made.fetch, waits };
}

function get(url: string, headers: Record<string, string> = {}): OriginRequest {
  return { method: "GET", url, headers: new Map(Object.entries(headers)) };
}

async function failure(promise: Promise<unknown>): Promise<ProtocolError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProtocolError);
  return error as ProtocolError;
}

const { signal } = new AbortController();

describe("the origin client", () => {
  it("asks for the content itself, with the caller's headers but those of the connection", async () => {
    const { url, seen } = await origin((_request, response) => response.end("hello"));
    const { fetch } = client();
    const answer = await fetch(
      get(url, {
        accept: "text/x",
        "accept-encoding": "gzip",
        range: "bytes=1-",
        "if-none-match": "x",
        host: "other",
      }),
      signal,
    );
    expect(Buffer.concat(await Array.fromAsync(answer.body)).toString()).toBe("hello");
    expect(seen[0]?.headers).toMatchObject({ accept: "text/x", "accept-encoding": "identity" });
    expect(seen[0]?.headers).not.toHaveProperty("range");
    expect(seen[0]?.headers).not.toHaveProperty("if-none-match");
    expect(seen[0]?.headers.host).toBe(new URL(url).host);
  });

  it("sends a user and password of the URL as Basic credentials and never shows them", async () => {
    const { url, seen } = await origin((_request, response) => response.writeHead(401).end());
    const { fetch } = client();
    const error = await failure(fetch(get(url.replace("//", "//me:s%40crit@")), signal));
    expect(seen[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from("me:s@crit").toString("base64")}`,
    );
    expect(error.message).not.toContain("crit");
  });

  it.each([
    [401, "ORIGIN_UNAUTHORIZED"],
    [403, "ORIGIN_DENIED"],
    [404, "ORIGIN_NOT_FOUND"],
    [410, "ORIGIN_NOT_FOUND"],
    [418, "ORIGIN_FAILED"],
  ])("tells %i as %s at the first attempt", async (status, code) => {
    const { url, seen } = await origin((_request, response) =>
      response.writeHead(status, { "www-authenticate": 'Bearer realm="r"' }).end("no"),
    );
    const { fetch } = client();
    const error = await failure(fetch(get(`${url}/blob?secret=1`), signal));
    expect(error.code).toBe(code);
    expect(error.details).toMatchObject({ originStatus: status, challenge: 'Bearer realm="r"' });
    expect(error.message).toContain(`${url}/blob`);
    expect(error.message).toContain(String(status));
    expect(error.message).not.toContain("secret");
    expect(seen).toHaveLength(1);
  });

  it("asks again after 503 with growing waits, and succeeds when the origin does", async () => {
    const { url, seen } = await origin((_request, response) =>
      seen.length < 4 ? response.writeHead(503).end() : response.end("ok"),
    );
    const { fetch, waits } = client();
    let attempts = 0;
    const answer = await fetch({ ...get(url), onAttempt: () => attempts++ }, signal);
    answer.dispose();
    expect(answer.status).toBe(200);
    expect(attempts).toBe(4);
    expect(waits).toEqual([300, 600, 1200]);
  });

  it("gives up after some 5xx and says how often it tried", async () => {
    const { url, seen } = await origin((_request, response) => response.writeHead(500).end());
    const { fetch } = client();
    const error = await failure(fetch(get(url), signal));
    expect(error).toMatchObject({ code: "ORIGIN_FAILED", details: { originStatus: 500 } });
    expect(error.message).toBe(
      `the origin answered 500 for ${url}/ (tried 5 times); try again later`,
    );
    expect(seen).toHaveLength(5);
  });

  it("takes an answer for final when it is told to", async () => {
    const { url, seen } = await origin((_request, response) => response.writeHead(501).end());
    const { fetch } = client();
    await failure(fetch({ ...get(url), method: "HEAD", isAnswerFinal: true }, signal));
    expect(seen).toHaveLength(1);
  });

  it("waits as long as Retry-After asks", async () => {
    const { url, seen } = await origin((_request, response) =>
      seen.length === 1
        ? response.writeHead(429, { "retry-after": "7" }).end()
        : response.end("ok"),
    );
    const { fetch, waits } = client();
    (await fetch(get(url), signal)).dispose();
    expect(waits).toEqual([7000]);
  });

  it("does not wait for a Retry-After that is too far away", async () => {
    const { url, seen } = await origin((_request, response) =>
      response.writeHead(429, { "retry-after": "3600" }).end(),
    );
    const { fetch, waits } = client();
    const error = await failure(fetch(get(url), signal));
    expect(error.details.retryAfterMs).toBe(3_600_000);
    expect([waits, seen.length]).toEqual([[], 1]);
  });

  it("says within a few quick tries that nobody listens", async () => {
    const port = await freePort();
    const { fetch, waits } = client();
    const error = await failure(fetch(get(`http://127.0.0.1:${port}/f`), signal));
    expect(error.code).toBe("ORIGIN_UNREACHABLE");
    expect(error.message).toBe(
      `the origin http://127.0.0.1:${port}/f cannot be reached: the connection was refused (tried 3 times); check the address and that it is running`,
    );
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(2000);
  });

  it("says that a name is not known", async () => {
    const { fetch } = client();
    const error = await failure(fetch(get("http://no-such-host.invalid/"), signal));
    expect(error.code).toBe("ORIGIN_UNREACHABLE");
    expect(error.message).toMatch(/name/);
  });

  it("refuses content that is sent compressed all the same", async () => {
    const { url } = await origin((_request, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
    );
    const { fetch } = client();
    const error = await failure(fetch(get(url), signal));
    expect(error.message).toContain("encoded");
  });

  it("refuses an endless head", async () => {
    const { url, seen } = await origin((_request, response) =>
      response.writeHead(200, { "x-long": "x".repeat(4000) }).end(),
    );
    const { fetch } = client({ headersLengthBytesMax: 2000 });
    const error = await failure(fetch(get(url), signal));
    expect(error.message).toContain("more headers than are accepted");
    expect(seen).toHaveLength(1);
  });

  it("gives up an origin that does not answer", async () => {
    const { url, seen } = await origin(() => {});
    const { fetch } = client({ headersTimeoutMs: 200, answerAttempts: 2 });
    const error = await failure(fetch(get(url), signal));
    expect(error.message).toContain("took too long to answer");
    expect(seen).toHaveLength(2);
  });

  it("gives up what is no HTTP at all", async () => {
    const url = await listen(createTcpServer((socket) => socket.resume().end("SSH-2.0-x\r\n")));
    const { fetch } = client();
    expect((await failure(fetch(get(url), signal))).code).toBe("ORIGIN_FAILED");
  });

  it("stops at once when the caller goes", async () => {
    const { url } = await origin((_request, response) => response.writeHead(503).end());
    const abort = new AbortController();
    const { fetch } = client();
    const reason = new Error("gone");
    const request = { ...get(url), onAttempt: () => abort.abort(reason) };
    await expect(fetch(request, abort.signal)).rejects.toBe(reason);
  });

  it("stops at once when the caller goes who waits for a connection", async () => {
    const { url, seen } = await origin((_request, response) => response.write("and so on"));
    const { fetch } = client({ connectionsPerOrigin: 1 });
    const first = await fetch(get(url), signal);
    const abort = new AbortController();
    const second = fetch(get(url), abort.signal);
    const reason = new Error("gone");
    abort.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
    first.dispose();
  });
});

describe("redirects", () => {
  it("are followed with all headers on the same host, and with no credentials to another one", async () => {
    const end = await origin((_request, response) => response.end("there"));
    const start = await origin((request, response) =>
      response
        .writeHead(307, { location: request.url === "/1" ? "/2" : `${end.url}/3?sig=x` })
        .end("moved"),
    );
    const { fetch } = client();
    const headers = {
      Authorization: "Bearer secret",
      cookie: "a=b",
      "x-registry-auth": "secret",
      accept: "text/x",
    };
    const answer = await fetch(get(`${start.url}/1`, headers), signal);
    answer.dispose();
    expect(answer.finalUrl).toBe(`${end.url}/3?sig=x`);
    expect(start.seen.map((request) => request.headers.authorization)).toEqual([
      "Bearer secret",
      "Bearer secret",
    ]);
    expect(end.seen[0]?.headers).toMatchObject({ accept: "text/x" });
    expect(end.seen[0]?.headers).not.toHaveProperty("authorization");
    expect(end.seen[0]?.headers).not.toHaveProperty("cookie");
    expect(end.seen[0]?.headers).not.toHaveProperty("x-registry-auth");
  });

  it("do not get the credentials back when they return to the first host", async () => {
    const start = await origin((request, response) =>
      request.url === "/1"
        ? response.writeHead(302, { location: `${detour.url}/` }).end()
        : response.end("x"),
    );
    const detour = await origin((_request, response) =>
      response.writeHead(302, { location: `${start.url}/back` }).end(),
    );
    const { fetch } = client();
    (await fetch(get(`${start.url}/1`, { authorization: "x" }), signal)).dispose();
    expect(start.seen.map((request) => request.headers.authorization)).toEqual(["x", undefined]);
  });

  it("end after ten", async () => {
    const { url, seen } = await origin((_request, response) =>
      response.writeHead(302, { location: "/again" }).end(),
    );
    const { fetch } = client();
    const error = await failure(fetch(get(url), signal));
    expect(error.message).toContain("redirects more than 10 times");
    expect(seen).toHaveLength(11);
  });

  it.each([undefined, "file:///etc/passwd", "http://"])(
    "to %s are an error of the origin",
    async (location) => {
      const { url } = await origin((_request, response) =>
        response.writeHead(302, location === undefined ? {} : { location }).end(),
      );
      const { fetch } = client();
      expect((await failure(fetch(get(url), signal))).message).toContain("no usable address");
    },
  );

  it("to a special address are refused, by address and by name", async () => {
    const { url: secret, seen } = await origin((_request, response) => response.end("metadata"));
    const { port } = new URL(secret);
    for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"]) {
      const start = await origin((_request, response) =>
        response.writeHead(302, { location: `http://${host}:${port}/` }).end(),
      );
      const { fetch } = client({}, [new URL(start.url).host]);
      const error = await failure(fetch(get(start.url), signal));
      expect(error.code).toBe("ORIGIN_FORBIDDEN");
      expect(error.message).toContain("--allow-origin");
    }
    expect(seen).toHaveLength(0);
  });
});
