import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Digest } from "../../protocol/digest.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { until } from "../../test/harness/until.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = seededBytes("blob", 300_000);

describe("a blob", () => {
  it("comes from the swarm with exact headers, and its registry is asked for nothing of it", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT, mediaType: "text/html" });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(CONTENT)).toBe(true);
    expect(answer.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "300000",
      "accept-ranges": "bytes",
      "docker-content-digest": digest,
      "docker-distribution-api-version": "registry/2.0",
      etag: `"${digest}"`,
      "x-darter-source": "peers",
    });
    expect(answer.headers["server-timing"]).toMatch(/^open;dur=[\d.]+, first-byte;dur=[\d.]+$/);
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(mirror.upstream.lines).toEqual(["GET /v2/"]);
    expect(mirror.swarm.requests[0]).toMatchObject({
      taskId: digest,
      origin: { url: `${mirror.upstream.url}/v2/team/app/blobs/${digest}`, headers: new Map() },
    });
  });

  it("that this node holds is served without a word to anybody", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT, isLocal: true });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.body.equals(CONTENT)).toBe(true);
    expect(answer.headers["x-darter-source"]).toBe("disk");
    expect(mirror.upstream.lines).toEqual([]);
    expect(mirror.swarm.requests).toEqual([]);
  });

  it.each([
    ["its ETag", (digest: string) => `"other", W/"${digest}"`],
    ["anything", () => "*"],
  ])("is not sent to who has it already and says so by %s", async (_what, tags) => {
    await using mirror = await MirrorFixture.start();
    const local = mirror.swarm.add({ bytes: CONTENT, isLocal: true });
    const remote = mirror.upstream.blob("team/app", seededBytes("another", 1000));
    for (const digest of [local, remote]) {
      const headers = { "if-none-match": tags(digest), range: "bytes=0-9" };
      const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers });
      expect([answer.status, answer.body.length]).toEqual([304, 0]);
      expect(answer.headers).toMatchObject({
        etag: `"${digest}"`,
        "docker-content-digest": digest,
      });
    }
    expect(mirror.swarm.requests).toEqual([]);
  });

  it("is sent to who has another, and is missing where there is none of it", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT, isLocal: true });
    const headers = { "if-none-match": '"sha256:0"' };
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers });
    expect(answer.body.equals(CONTENT)).toBe(true);
    const none = sha256Digest(seededBytes("none", 10));
    const had = { "if-none-match": `"${none}"` };
    expect((await mirror.ask(`/v2/team/app/blobs/${none}`, { headers: had })).status).toBe(404);
  });

  it("without a byte is a whole answer", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: new Uint8Array() });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect([answer.status, answer.headers["content-length"]]).toEqual([200, "0"]);
    expect(answer.body.length).toBe(0);
  });

  it("of unknown length comes whole and chunked, whatever range is asked for", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT, hasUnknownLength: true });
    const headers = { range: "bytes=1-2" };
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers });
    expect([answer.status, answer.headers["transfer-encoding"]]).toEqual([200, "chunked"]);
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it("is asked for by HEAD at the registry when it is not here, and not fetched", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { method: "HEAD" });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-length": "300000",
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
      "x-darter-source": "origin",
    });
    expect(mirror.swarm.requests).toEqual([]);
    expect(mirror.upstream.lines).toEqual(["GET /v2/", `HEAD /v2/team/app/blobs/${digest}`]);
  });

  it("that is here is answered to HEAD with its length", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT, isLocal: true });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { method: "HEAD" });
    expect([answer.status, answer.headers["content-length"]]).toEqual([200, "300000"]);
    expect(mirror.upstream.lines).toEqual([]);
  });
});

describe("a range of a blob", () => {
  it.each([
    ["bytes=1000-1999", 1000, 1999],
    ["bytes=-500", 299_500, 299_999],
    ["bytes=5000-", 5000, 299_999],
    ["bytes=0-", 0, 299_999],
    ["bytes=299999-999999", 299_999, 299_999],
  ])("%s is answered by exactly these bytes", async (range, first, last) => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers).toMatchObject({
      "content-range": `bytes ${first}-${last}/300000`,
      "content-length": String(last - first + 1),
      "accept-ranges": "bytes",
    });
    expect(answer.body.equals(CONTENT.subarray(first, last + 1))).toBe(true);
  });

  it.each(["bytes=300000-", "bytes=500-0", "bytes=-0"])("%s is refused by 416", async (range) => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers: { range } });
    expect(answer.status).toBe(416);
    expect(answer.headers["content-range"]).toBe("bytes */300000");
    expect(errorsOf(answer)[0]?.code).toBe("SIZE_INVALID");
  });

  it.each([
    ["of the swarm", true],
    ["of the registry", false],
  ])("that names several parts %s gets them, each with its place", async (_what, isInSwarm) => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", CONTENT);
    if (isInSwarm) mirror.swarm.add({ bytes: CONTENT });
    const range = "bytes=0-1,1000-1999,-5";
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`, { headers: { range } });
    expect(answer.status).toBe(206);
    const type = answer.headers["content-type"] ?? "";
    const boundary = /^multipart\/byteranges; boundary=([0-9a-f]+)$/.exec(type)?.[1];
    expect(answer.headers["content-length"]).toBe(String(answer.body.length));
    const parts = answer.body.toString("latin1").split(`\r\n--${boundary}`);
    expect([parts[0], parts.at(-1)]).toEqual(["", "--\r\n"]);
    const spans = [
      [0, 1],
      [1000, 1999],
      [299_995, 299_999],
    ] as const;
    expect(parts.slice(1, -1)).toEqual(
      spans.map(([first, last]) => {
        const head = `content-type: application/octet-stream\r\ncontent-range: bytes ${first}-${last}/300000`;
        return `\r\n${head}\r\n\r\n${CONTENT.subarray(first, last + 1).toString("latin1")}`;
      }),
    );
  });

  it("counts only for the version that If-Range names", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.swarm.add({ bytes: CONTENT });
    const path = `/v2/team/app/blobs/${digest}`;
    const range = "bytes=1-2";
    const same = await mirror.ask(path, { headers: { range, "if-range": `"${digest}"` } });
    const other = await mirror.ask(path, { headers: { range, "if-range": '"another"' } });
    expect([same.status, other.status]).toEqual([206, 200]);
  });
});

describe("of a range of a blob", () => {
  it.each([
    ["only parts are fetched", true, { range: "bytes=1-2" }],
    ["all is fetched when it holds for another version", false, { "if-range": '"another"' }],
    ["all is fetched when it is all of it", false, { range: "bytes=0-299999" }],
    [
      "all is fetched when it is one of too many",
      false,
      { range: `bytes=0-0${",1-1".repeat(300)}` },
    ],
  ])("%s", async (_what, isPart, headers) => {
    await using mirror = await MirrorFixture.start();
    const path = `/v2/team/app/blobs/${mirror.swarm.add({ bytes: CONTENT })}`;
    await mirror.ask(path, { headers: { range: "bytes=1-2", ...headers } });
    expect(mirror.swarm.requests.at(-1)?.isPart).toBe(isPart);
    expect(mirror.swarm.openCount).toBe(0);
  });
});

describe("a blob named by its sha512", () => {
  it.each(["of the swarm", "of the registry"])("is given like any other, %s", async (where) => {
    await using mirror = await MirrorFixture.start();
    const digest = `sha512:${createHash("sha512").update(CONTENT).digest("hex")}` as Digest;
    mirror.upstream.blob("team/app", CONTENT, digest);
    if (where === "of the swarm") mirror.swarm.add({ bytes: CONTENT }, undefined, digest);
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect([answer.status, answer.headers["docker-content-digest"]]).toEqual([200, digest]);
    expect(answer.body.equals(CONTENT)).toBe(true);
    const wrong = `sha512:${"0".repeat(128)}` as Digest;
    mirror.upstream.blob("team/app", Buffer.from("evil"), wrong);
    expect((await mirror.ask(`/v2/team/app/blobs/${wrong}`)).status).toBe(502);
  });
});

describe("wrong bytes", () => {
  it("of a small blob at the registry are told by 502 and a sentence", async () => {
    await using mirror = await MirrorFixture.start();
    const digest = mirror.upstream.blob("team/app", Buffer.from("evil"), sha256Digest(CONTENT));
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect(answer.status).toBe(502);
    expect(errorsOf(answer)[0]).toMatchObject({
      code: "DIGEST_INVALID",
      message: expect.stringContaining("sent other content than sha256:"),
    });
  });

  it("of a large blob at the registry never arrive whole", async () => {
    await using mirror = await MirrorFixture.start();
    const wrong = Buffer.from(CONTENT);
    wrong[10] = wrong[10]! ^ 1;
    const digest = mirror.upstream.blob("team/app", wrong, sha256Digest(CONTENT));
    const { bytes, hasEndedByFin } = await download(mirror, `/v2/team/app/blobs/${digest}`);
    expect(bytes.length).toBeLessThanOrEqual(CONTENT.length - 64 * 1024);
    expect(hasEndedByFin).toBe(true);
  });

  it("that the swarm noticed end the answer by FIN after the good ones, and are not asked for elsewhere", async () => {
    await using mirror = await MirrorFixture.start();
    const error = new ProtocolError("DIGEST_MISMATCH", "the origin's bytes are wrong");
    const failure = { atByte: 131_072, error };
    const digest = mirror.swarm.add({ bytes: CONTENT, failure });
    const { bytes, hasEndedByFin } = await download(mirror, `/v2/team/app/blobs/${digest}`);
    expect(bytes.equals(CONTENT.subarray(0, 131_072))).toBe(true);
    expect(hasEndedByFin).toBe(true);
    expect(mirror.upstream.lines).toEqual(["GET /v2/"]);
    expect(await mirror.registry.metrics()).toContain(
      'registry_proxy_broken_answers_total{outcome="given_up"} 1',
    );
  });

  it("at the first piece are told by a status, because nothing was sent yet", async () => {
    await using mirror = await MirrorFixture.start();
    const error = new ProtocolError("DIGEST_MISMATCH", "the origin's bytes are wrong");
    const digest = mirror.swarm.add({ bytes: CONTENT, failure: { atByte: 0, error } });
    const answer = await mirror.ask(`/v2/team/app/blobs/${digest}`);
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "DIGEST_INVALID"]);
  });
});

describe("streaming", () => {
  it("sends the first bytes before the rest is there", async () => {
    await using mirror = await MirrorFixture.start();
    const gate = Promise.withResolvers<void>();
    const pause = { atByte: 65_536, until: gate.promise };
    const digest = mirror.swarm.add({ bytes: CONTENT, pause });
    const socket = send(mirror, `/v2/team/app/blobs/${digest}`);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    const length = (): number => Buffer.concat(received).length;
    await until(() => length() > 65_536, { what: "the first piece" });
    gate.resolve();
    await once(socket, "end");
    expect(Buffer.concat(received).subarray(-1000).equals(CONTENT.subarray(-1000))).toBe(true);
  });

  it("reads no more than a client takes, and stops when it leaves", async () => {
    await using mirror = await MirrorFixture.start();
    const bytes = seededBytes("large", 64 * 1024 * 1024);
    let steps = 0;
    const digest = mirror.swarm.add({ bytes, stepBytes: 64 * 1024 });
    const open = mirror.swarm.open.bind(mirror.swarm);
    mirror.swarm.open = async (request, signal) => {
      const task = await open(request, signal);
      const read = task.read.bind(task);
      task.read = async function* counted(range, aborted) {
        for await (const chunk of read(range, aborted)) {
          steps += 1;
          yield chunk;
        }
      };
      return task;
    };
    const socket = send(mirror, `/v2/team/app/blobs/${digest}`);
    socket.pause();
    let before = -1;
    await until(
      () => {
        const isStill = steps > 0 && steps === before;
        before = steps;
        return isStill;
      },
      { what: "the reading to pause", intervalMs: 100 },
    );
    expect(steps).toBeLessThan(512);
    expect(mirror.swarm.readingCount).toBe(1);
    socket.destroy();
    const isLeft = (): boolean => mirror.swarm.readingCount === 0 && mirror.swarm.openCount === 0;
    await until(isLeft, { what: "the reading to stop" });
    expect(await mirror.registry.metrics()).toContain(
      'registry_proxy_broken_answers_total{outcome="client_left"} 1',
    );
  });

  it("lets an opening go when its client leaves", async () => {
    await using mirror = await MirrorFixture.start();
    const opened = Promise.withResolvers<AbortSignal>();
    mirror.swarm.refuse = async (_request, signal) => {
      opened.resolve(signal);
      await once(signal, "abort");
      throw signal.reason;
    };
    const socket = send(mirror, `/v2/team/app/blobs/${sha256Digest(CONTENT)}`);
    const signal = await opened.promise;
    socket.destroy();
    await until(() => signal.aborted, { what: "the opening to be aborted" });
  });
});

function send(mirror: MirrorFixture, path: string): Socket {
  const socket = connect(mirror.endpoint.port, mirror.endpoint.host);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n`);
  return socket;
}

/** The body of an answer up to the end of its connection, and whether that was a FIN. */
async function download(
  mirror: MirrorFixture,
  path: string,
): Promise<{ bytes: Buffer; hasEndedByFin: boolean }> {
  const socket = send(mirror, path);
  const received: Buffer[] = [];
  let hasEndedByFin = false;
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  socket.on("end", () => (hasEndedByFin = true));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("close", resolve));
  const all = Buffer.concat(received);
  expect(all.toString("latin1", 0, 200)).toMatch(/^HTTP\/1.1 200 /);
  expect(all.toString("latin1", 0, 2000)).toMatch(/content-length: 300000\r\n/i);
  return { bytes: all.subarray(all.indexOf("\r\n\r\n") + 4), hasEndedByFin };
}
