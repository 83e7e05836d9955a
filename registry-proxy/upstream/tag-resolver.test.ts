import { once } from "node:events";
import { describe, expect, it } from "vitest";

import type { OriginResponse } from "../../platform/origin/origin-request.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ManualClock } from "../mirror-fixture.ts";
import type { Repository } from "./repository.ts";
import { TagResolver } from "./tag-resolver.ts";
import type { UpstreamRequest } from "./upstream-client.ts";

const REPOSITORY: Repository = {
  upstream: { registry: "reg.io", baseUrl: "https://reg.io" },
  name: "team/app",
  clientName: "team/app",
};
const DIGESTS = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];

const EVERYBODY = { cacheKey: "", outageMs: Infinity };

class Upstream {
  readonly asked: string[] = [];
  answer: (request: UpstreamRequest, signal: AbortSignal) => Promise<OriginResponse> = async () =>
    head(DIGESTS[0]!);

  readonly fetch = async (
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<OriginResponse> => {
    this.asked.push(`${request.method} ${request.path} ${request.accept}`);
    return await this.answer(request, signal);
  };
}

function head(digest: string): OriginResponse {
  const headers: Record<string, string> = { "docker-content-digest": digest };
  return {
    status: 200,
    header: (name) => headers[name],
    finalUrl: "",
    body: (async function* empty() {})(),
    dispose: () => undefined,
  };
}

function setup(options = {}) {
  const [upstream, clock] = [new Upstream(), new ManualClock()];
  const tags = new TagResolver({ clock }, options);
  const { signal } = new AbortController();
  const resolve = async (tag = "v1", accept = "a/b", who = EVERYBODY) =>
    await tags.resolve(REPOSITORY, tag, accept, { ...who, fetch: upstream.fetch }, signal);
  return { upstream, clock, tags, resolve };
}

describe("a tag", () => {
  it("is asked for once by all who ask at the same time and shortly after", async () => {
    const { upstream, clock, resolve } = setup();
    const all = await Promise.all([resolve(), resolve(), resolve()]);
    expect(all.map(({ digest }) => digest)).toEqual(Array(3).fill(DIGESTS[0]));
    clock.advance(2999);
    expect(await resolve()).toMatchObject({ source: "memory", isStale: false });
    expect(upstream.asked).toEqual(["HEAD manifests/v1 a/b"]);
  });

  it("is asked for again when it may have moved", async () => {
    const { upstream, clock, resolve } = setup();
    await resolve();
    upstream.answer = async () => head(DIGESTS[1]!);
    clock.advance(3000);
    expect(await resolve()).toMatchObject({ digest: DIGESTS[1], source: "origin" });
  });

  it("may mean another manifest to a client that takes other types", async () => {
    const { upstream, resolve } = setup();
    await Promise.all([resolve("v1", "a/b"), resolve("v1", "c/d"), resolve("v2", "a/b")]);
    expect(upstream.asked).toEqual([
      "HEAD manifests/v1 a/b",
      "HEAD manifests/v1 c/d",
      "HEAD manifests/v2 a/b",
    ]);
  });

  it("is taken from memory while its registry is away, which is tried only now and then", async () => {
    const { upstream, clock, resolve } = setup();
    await resolve();
    const down = new ProtocolError("ORIGIN_UNREACHABLE", "down");
    upstream.answer = async () => await Promise.reject(down);
    clock.advance(10_000);
    expect(await resolve()).toMatchObject({ digest: DIGESTS[0], isStale: true });
    expect(await resolve()).toMatchObject({ digest: DIGESTS[0], isStale: true });
    expect(upstream.asked.length).toBe(2);
    clock.advance(10_000);
    upstream.answer = async () => head(DIGESTS[1]!);
    expect(await resolve()).toMatchObject({ digest: DIGESTS[1], isStale: false });
  });

  it.each(["ORIGIN_UNAUTHORIZED", "ORIGIN_DENIED", "ORIGIN_NOT_FOUND"] as const)(
    "is not taken from memory after %s, which is the registry's word",
    async (code) => {
      const { upstream, clock, resolve } = setup();
      await resolve();
      upstream.answer = async () => await Promise.reject(new ProtocolError(code, "no"));
      clock.advance(10_000);
      await expect(resolve()).rejects.toMatchObject({ code });
    },
  );

  it("counts a registry that does not answer in time as away", async () => {
    const { upstream, resolve } = setup({ timeoutMs: 20 });
    upstream.answer = async (_request, signal) => {
      await once(signal, "abort");
      throw signal.reason;
    };
    await expect(resolve()).rejects.toMatchObject({
      code: "ORIGIN_UNREACHABLE",
      message: "the registry reg.io did not answer within 20 ms; try again later",
    });
  });

  it("forgets the one used longest ago when too many are known", async () => {
    const { upstream, clock, resolve } = setup({ tagsMax: 2 });
    await resolve("v1");
    await resolve("v2");
    await resolve("v1");
    await resolve("v3");
    const down = new ProtocolError("ORIGIN_UNREACHABLE", "down");
    upstream.answer = async () => await Promise.reject(down);
    clock.advance(10_000);
    expect(await resolve("v1")).toMatchObject({ isStale: true });
    await expect(resolve("v2")).rejects.toBe(down);
  });
});
