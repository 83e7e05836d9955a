import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { AddressGate } from "./address-gate.ts";
import { OriginClient } from "./origin-client.ts";
import { proxyOf } from "./origin-proxy.ts";

const { signal } = new AbortController();
const HTTP = new URL("http://files.example.com/x");
const HTTPS = new URL("https://files.example.com/x");

describe("the proxy of an origin", () => {
  it("is the one of its scheme, else the one for all", () => {
    const env = { http_proxy: "http://p:1", HTTPS_PROXY: "q:2" };
    expect(proxyOf(HTTP, env)?.host).toBe("p:1");
    expect(proxyOf(HTTPS, env)?.host).toBe("q:2");
    expect(proxyOf(HTTPS, { ALL_PROXY: "http://r:3" })?.host).toBe("r:3");
    expect(proxyOf(HTTP, {})).toBeUndefined();
    expect(proxyOf(HTTP, { http_proxy: "socks5://p:1" })).toBeUndefined();
  });

  it("is not what a client of a web server chose", () => {
    expect(proxyOf(HTTP, { HTTP_PROXY: "http://p:1" })?.host).toBe("p:1");
    expect(proxyOf(HTTP, { HTTP_PROXY: "http://p:1", REQUEST_METHOD: "GET" })).toBeUndefined();
  });

  it.each([
    ["files.example.com", true],
    ["example.com", true],
    [".example.com", true],
    ["*.example.com", true],
    ["other.org, example.com:80", true],
    ["*", true],
    ["ample.com", false],
    ["example.com:81", false],
    ["", false],
  ])("is none where no_proxy says %j: %s", (list, isExempt) => {
    const env = { http_proxy: "http://p:1", no_proxy: list };
    expect(proxyOf(HTTP, env) === undefined).toBe(isExempt);
  });

  it("is asked in place of the origin, which need not be known here", async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end("by proxy");
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as AddressInfo;
    try {
      await using client = new OriginClient(
        { gate: new AddressGate([]), clock: systemClock, random: () => 0 },
        { environment: { http_proxy: `http://127.0.0.1:${port}` } },
      );
      const request = {
        method: "GET",
        url: "http://nowhere.invalid/f?x=1",
        headers: new Map(),
      } as const;
      const answer = await client.fetch(request, signal);
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.body) chunks.push(chunk);
      expect(Buffer.concat(chunks).toString()).toBe("by proxy");
      expect(seen).toEqual(["GET http://nowhere.invalid/f?x=1"]);
      const refused = client.fetch({ ...request, url: "http://127.0.0.1:9/" }, signal);
      await expect(refused).rejects.toMatchObject({ code: "ORIGIN_FORBIDDEN" });
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
