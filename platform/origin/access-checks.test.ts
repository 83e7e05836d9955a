import { describe, expect, it } from "vitest";

import { ManualClock } from "../../registry-proxy/mirror-fixture.ts";
import type { Digest } from "../../protocol/digest.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { AskAsCaller } from "./access-checks.ts";
import { AccessChecks } from "./access-checks.ts";

const [LAYER, OTHER] = ["ab", "cd"].map((byte) => `sha256:${byte.repeat(32)}` as Digest);

class Registry {
  readonly asked: string[] = [];
  answer: (method: string) => { status?: number; headers?: Record<string, string> } = () => ({});

  readonly ask: AskAsCaller = async ({ method, url }) => {
    this.asked.push(`${method} ${new URL(url).pathname.split("/").slice(2, -1).join("/")}`);
    const { status, headers = {} } = this.answer(method);
    const details = { originStatus: status };
    if (status === 401) throw new ProtocolError("ORIGIN_UNAUTHORIZED", "no", details);
    if (status !== undefined) throw new ProtocolError("ORIGIN_DENIED", "no", details);
    return {
      status: 200,
      header: (name) => headers[name],
      finalUrl: url,
      body: (async function* empty() {})(),
      dispose: () => undefined,
    };
  };
}

function setup(lifeMs = 60_000) {
  const [registry, clock] = [new Registry(), new ManualClock()];
  let epochMs = 1_700_000_000_000;
  const checks = new AccessChecks({ clock, calendar: () => epochMs }, { lifeMs });
  const { signal } = new AbortController();
  const check = async (credential: string, digest = LAYER!, more: object = {}) => {
    const content = {
      authority: "https://r.io",
      repositoryUrl: "https://r.io/v2/team/app",
      kind: "blobs" as const,
      digest,
      ...more,
    };
    await checks.check({ content, credential }, registry.ask, signal);
  };
  const advance = (byMs: number): void => {
    clock.advance(byMs);
    epochMs += byMs;
  };
  return { registry, check, advance };
}

describe("a registry's yes", () => {
  it("is believed for the same caller and content, for a while", async () => {
    const { registry, check, advance } = setup();
    await check("Basic a");
    await check("Basic a");
    advance(59_999);
    await check("Basic a");
    expect(registry.asked).toHaveLength(1);
    advance(1);
    await check("Basic a");
    expect(registry.asked).toHaveLength(2);
  });

  it("is asked for once by those who ask with the same credential at the same time", async () => {
    const { registry, check } = setup();
    await Promise.all([check("Basic a"), check("Basic a")]);
    expect(registry.asked).toEqual(["HEAD team/app/blobs"]);
  });

  it("to one caller says nothing about another", async () => {
    const { registry, check } = setup();
    await check("Basic a");
    registry.answer = () => ({ status: 401 });
    await expect(check("Basic b")).rejects.toThrow("no");
    await expect(check("Basic b")).rejects.toThrow("no");
    expect(registry.asked).toHaveLength(3);
  });

  it("for one repository says nothing about another", async () => {
    const { registry, check } = setup();
    await check("Basic a");
    registry.answer = () => ({ status: 401 });
    const other = { repositoryUrl: "https://r.io/v2/team/other" };
    await expect(check("Basic a", LAYER, other)).rejects.toThrow("no");
    const elsewhere = { repositoryUrl: "https://s.io/v2/team/app", authority: "https://s.io" };
    await expect(check("Basic a", LAYER, elsewhere)).rejects.toThrow("no");
  });

  it("for one blob says nothing about a blob that nobody was given there", async () => {
    const { registry, check } = setup();
    await check("Basic a");
    registry.answer = () => ({ status: 404 });
    await expect(check("Basic a", OTHER)).rejects.toThrow("no");
  });

  it("for one manifest says nothing about another, nor about another caller's", async () => {
    const { registry, check } = setup();
    await check("Basic a", LAYER, { kind: "manifests" });
    await check("Basic a", OTHER, { kind: "manifests" });
    await check("Basic b", LAYER, { kind: "manifests" });
    expect(registry.asked).toHaveLength(3);
  });

  it("lets a caller with a right to the repository have the blobs that others were given there", async () => {
    const { registry, check } = setup();
    await check("Basic a");
    await check("Basic b", LAYER, { kind: "manifests" });
    await check("Basic b");
    expect(registry.asked).toHaveLength(2);
  });

  it("to a token is believed no longer than the token lives", async () => {
    const { registry, check, advance } = setup();
    const claims = Buffer.from('{"exp":1700000005}').toString("base64url");
    await check(`Bearer x.${claims}.y`);
    advance(4999);
    await check(`Bearer x.${claims}.y`);
    expect(registry.asked).toHaveLength(1);
    advance(1);
    await check(`Bearer x.${claims}.y`);
    await check(`Bearer x.${claims}.y`);
    expect(registry.asked).toHaveLength(3);
  });

  it("is believed for five minutes at most, whatever is asked for", async () => {
    const { registry, check, advance } = setup(86_400_000);
    await check("Basic a");
    advance(300_000);
    await check("Basic a");
    expect(registry.asked).toHaveLength(2);
  });

  it("may come by GET where HEAD is refused", async () => {
    const { registry, check } = setup();
    registry.answer = (method) => (method === "HEAD" ? { status: 403 } : {});
    await check("Basic a");
    expect(registry.asked).toEqual(["HEAD team/app/blobs", "GET team/app/blobs"]);
  });

  it.each([
    ["of other content", { "docker-content-digest": OTHER! }],
    ["with a page to log in", { "content-type": "text/html; charset=utf-8" }],
  ])("%s is none", async (_what, headers) => {
    const { registry, check } = setup();
    registry.answer = () => ({ headers });
    await expect(check("Basic a")).rejects.toMatchObject({ code: "ORIGIN_DENIED" });
    await expect(check("Basic a")).rejects.toMatchObject({ code: "ORIGIN_DENIED" });
  });
});
