import { describe, expect, it } from "vitest";

import type { OriginFetch, OriginRequest } from "../../platform/origin/origin-request.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ManualClock } from "../mirror-fixture.ts";
import { RegistryAccess } from "./registry-access.ts";
import type { Repository } from "./repository.ts";

const REPOSITORY: Repository = {
  upstream: { registry: "reg.io", baseUrl: "https://reg.io" },
  name: "team/app",
  clientName: "team/app",
};
const CHALLENGE = 'Bearer realm="https://auth.io/token",service="reg.io"';

/** An upstream that gives strangers a new token each time, or what `tokenAnswer` says. */
class TokenUpstream {
  readonly urls: string[] = [];
  wantsToken = true;
  isDown = false;
  tokenAnswer: () => string = () => {
    const count = this.urls.filter((url) => url.includes("/token")).length;
    return `{"token":"t${count}","expires_in":300}`;
  };

  readonly fetch: OriginFetch = async (request: OriginRequest) => {
    this.urls.push(request.url);
    if (this.isDown) throw new ProtocolError("ORIGIN_UNREACHABLE", "down");
    if (request.url.includes("/token")) return answerOf(this.tokenAnswer());
    if (this.wantsToken) throw unauthorized();
    return answerOf("{}");
  };
}

function unauthorized(): ProtocolError {
  return new ProtocolError("ORIGIN_UNAUTHORIZED", "no", { challenge: CHALLENGE });
}

function answerOf(text: string) {
  return {
    status: 200,
    header: () => undefined,
    finalUrl: "",
    body: (async function* body() {
      yield Buffer.from(text);
    })(),
    dispose: () => undefined,
  };
}

function setup() {
  const [upstream, clock] = [new TokenUpstream(), new ManualClock()];
  const access = new RegistryAccess({ fetch: upstream.fetch, clock });
  const { signal } = new AbortController();
  const used: (string | undefined)[] = [];
  const run = async (refuse: (authorization: string | undefined) => boolean = () => false) =>
    await access.run(
      REPOSITORY,
      async (authorization) => {
        used.push(authorization);
        if (refuse(authorization)) throw unauthorized();
      },
      signal,
    );
  return { upstream, clock, run, used };
}

describe("anonymous access", () => {
  it("asks once whether an upstream wants tokens, and none of one that does not", async () => {
    const { upstream, clock, run, used } = setup();
    upstream.wantsToken = false;
    await run();
    await run();
    expect(used).toEqual([undefined, undefined]);
    expect(upstream.urls).toEqual(["https://reg.io/v2/"]);
    clock.advance(10 * 60_000);
    await run();
    expect(upstream.urls.length).toBe(2);
  });

  it("gets one token for all requests at once and keeps it until shortly before its end", async () => {
    const { upstream, clock, run, used } = setup();
    await Promise.all([run(), run(), run()]);
    clock.advance(289_000);
    await run();
    clock.advance(2000);
    await run();
    expect(used).toEqual(["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]);
    expect(upstream.urls.slice(0, 2)).toEqual([
      "https://reg.io/v2/",
      "https://auth.io/token?service=reg.io&scope=repository%3Ateam%2Fapp%3Apull",
    ]);
  });

  it("tries once more with a fresh token when one is refused, and then gives up", async () => {
    const { run, used } = setup();
    await run((authorization) => authorization === "Bearer t1");
    expect(used).toEqual(["Bearer t1", "Bearer t2"]);
    await expect(run(() => true)).rejects.toThrow(unauthorized());
    expect(used.slice(2)).toEqual(["Bearer t2", "Bearer t3"]);
  });

  it("goes on without a token when the upstream is away, and asks it again later", async () => {
    const { upstream, clock, run, used } = setup();
    upstream.isDown = true;
    await run();
    await run();
    expect(upstream.urls.length).toBe(1);
    upstream.isDown = false;
    clock.advance(11_000);
    await run();
    expect(used).toEqual([undefined, undefined, "Bearer t1"]);
  });

  it.each([
    "not json",
    "null",
    '{"token":5}',
    '{"token":"line\\r\\nbreak"}',
    `{"token":"${"x".repeat(20_000)}"}`,
    `{"token":"${"x".repeat(70_000)}"}`,
  ])("does without a token when the answer is %s", async (answer) => {
    const { upstream, run, used } = setup();
    upstream.tokenAnswer = () => answer;
    await run();
    expect(used).toEqual([undefined]);
  });

  it("keeps a token that claims to live for ever for an hour at most", async () => {
    const { upstream, clock, run } = setup();
    upstream.tokenAnswer = () => '{"token":"x","expires_in":1e12}';
    await run();
    clock.advance(3_600_000);
    await run();
    expect(upstream.urls.filter((url) => url.includes("/token")).length).toBe(2);
  });

  it("lets the refusal of an address stand", async () => {
    const clock = new ManualClock();
    const refusal = new ProtocolError("ORIGIN_FORBIDDEN", "loopback; see --allow-origin");
    const fetch = async () => await Promise.reject(refusal);
    const access = new RegistryAccess({ fetch, clock });
    const { signal } = new AbortController();
    await expect(access.run(REPOSITORY, async () => 1, signal)).rejects.toBe(refusal);
  });
});
