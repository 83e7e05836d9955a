import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = seededBytes("blob", 300_000);

describe("a blob that the swarm cannot serve", () => {
  it.each(["SUPERNODE_UNAVAILABLE", "STORAGE_FULL", "ORIGIN_FAILED", "NO_SLOT"] as const)(
    "comes straight from its registry after %s",
    async (code) => {
      await using mirror = await MirrorFixture.start();
      mirror.swarm.refuse = async () => new ProtocolError(code, "not now");
      const digest = mirror.upstream.blob("team/app", CONTENT);
      const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
      expect([answer.status, answer.headers["x-darter-source"]]).toEqual([200, "origin"]);
      expect(answer.headers["content-length"]).toBe("300000");
      expect(answer.body.equals(CONTENT)).toBe(true);
      expect(await mirror.registry.metrics()).toContain(
        `registry_proxy_detours_total{code="${code}"} 1`,
      );
    },
  );

  it("comes from its registry after a defect of ours", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.swarm.refuse = async () => {
      throw new TypeError("a defect");
    };
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it("comes from its registry when the swarm stays silent", async () => {
    await using mirror = await MirrorFixture.start({ stallMs: 20 });
    mirror.swarm.refuse = async (_request, signal) => {
      await once(signal, "abort");
      throw signal.reason;
    };
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it.each([
    ["bytes=1000-1999", 1000, 1999],
    ["bytes=-500", 299_500, 299_999],
  ])("gives the range %s from its registry", async (range, first, last) => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers: { range } });
    expect([answer.status, answer.headers["content-range"]]).toEqual([
      206,
      `bytes ${first}-${last}/300000`,
    ]);
    expect(answer.body.equals(CONTENT.subarray(first, last + 1))).toBe(true);
  });

  it("is finished from its registry when the swarm fails on the way", async () => {
    await using mirror = await MirrorFixture.start();
    const error = new ProtocolError("STORAGE_FULL", "the disk is full");
    const digest = mirror.swarm.add({ bytes: CONTENT, failure: { atByte: 100_000, error } });
    mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect([answer.status, answer.headers["x-darter-source"]]).toEqual([200, "peers"]);
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it("has its range finished from its registry when the swarm fails on the way", async () => {
    await using mirror = await MirrorFixture.start();
    const error = new ProtocolError("INTERNAL", "a defect");
    const digest = mirror.swarm.add({ bytes: CONTENT, failure: { atByte: 100_000, error } });
    mirror.upstream.blob("team/app", CONTENT);
    const headers = { range: "bytes=50000-150000" };
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers });
    expect(answer.body.equals(CONTENT.subarray(50_000, 150_001))).toBe(true);
    expect(mirror.upstream.requests.at(-1)?.headers.range).toBe("bytes=100000-150000");
  });

  it("is finished from its registry when the swarm stops on the way", async () => {
    await using mirror = await MirrorFixture.start({ stallMs: 20 });
    const until = new Promise<void>(() => undefined);
    const digest = mirror.swarm.add({ bytes: CONTENT, pause: { atByte: 128 * 1024, until } });
    mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.body.equals(CONTENT)).toBe(true);
    expect(mirror.swarm.readingCount).toBe(0);
  });

  it("is not read on at a registry whose bytes the swarm found wrong, however the reading ended", async () => {
    await using mirror = await MirrorFixture.start();
    const failure = { atByte: 100_000, error: new TypeError("the task is closed") };
    const taskFailure = new ProtocolError("DIGEST_MISMATCH", "the origin's bytes are wrong");
    const digest = mirror.swarm.add({ bytes: CONTENT, failure, taskFailure });
    mirror.upstream.blob("team/app", CONTENT);
    await expect(mirror.ask(`/v2/team/app/blobs/${digest}`)).rejects.toThrow("aborted");
    expect(mirror.upstream.lines).toEqual(["GET /v2/"]);
  });

  it("is not asked for at the registry when the registry has already said no", async () => {
    await using mirror = await MirrorFixture.start();
    const message = "the origin has nothing there (404); check the address";
    mirror.swarm.refuse = async () => new ProtocolError("ORIGIN_NOT_FOUND", message);
    const answer = await mirror.ask(`/v2/team/app/blobs/${sha256Digest(CONTENT)}`);
    expect(answer.status).toBe(404);
    expect(errorsOf(answer)).toEqual([{ code: "BLOB_UNKNOWN", message, detail: {} }]);
    expect(mirror.upstream.lines).toEqual(["GET /v2/"]);
  });

  it("because the supernode may not ask its registry is told by 403 and by whom", async () => {
    await using mirror = await MirrorFixture.start();
    const message = "it is a loopback address, which is refused; start with --allow-origin x:5000";
    mirror.swarm.refuse = async () => new ProtocolError("ORIGIN_FORBIDDEN", message);
    const answer = await mirror.ask(`/v2/team/app/blobs/${sha256Digest(CONTENT)}`);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([403, "DENIED"]);
    expect(errorsOf(answer)[0]?.message).toBe(
      `the supernode refuses to ask the registry: ${message}`,
    );
  });

  it("is told to Docker by 404, after which alone it does not ask again for a minute", async () => {
    await using mirror = await MirrorFixture.start();
    mirror.swarm.refuse = async () => new ProtocolError("ORIGIN_DENIED", "the origin refuses");
    const path = `/v2/team/app/blobs/${sha256Digest(CONTENT)}`;
    const headers = { "user-agent": "docker/20.10.24+dfsg1 go/go1.19.8" };
    const answer = await mirror.ask(path, { headers });
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([404, "DENIED"]);
    expect((await mirror.ask(path)).status).toBe(403);
  });

  it("because of a challenge that is no header text is refused without it", async () => {
    await using mirror = await MirrorFixture.start();
    const details = { challenge: "Basic\r\nx: y" };
    mirror.swarm.refuse = async () => new ProtocolError("ORIGIN_UNAUTHORIZED", "no", details);
    const answer = await mirror.ask(`/v2/team/app/blobs/${sha256Digest(CONTENT)}`);
    expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, undefined]);
  });
});
