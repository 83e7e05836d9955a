import { once } from "node:events";
import { connect } from "node:net";
import { pino } from "pino";
import { describe, expect, it } from "vitest";

import { sha256Digest } from "../platform/digest-check.ts";
import { UserError } from "../platform/user-error.ts";
import { seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { MirrorFixture, errorsOf } from "./mirror-fixture.ts";

const CONTENT = seededBytes("served", 200_000);

describe("the mirror's port", () => {
  it("answers the ping of runtimes by where they may log in, and those with a token by yes", async () => {
    await using mirror = await MirrorFixture.start();
    for (const path of ["/v2/", "/v2"]) {
      const first = await mirror.ask(path);
      expect([first.status, errorsOf(first)[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
      expect(first.headers["www-authenticate"]).toMatch(/^Bearer realm="http:\/\/127[^"]*\/token"/);
      const headers = { authorization: "Bearer any" };
      const answer = await mirror.ask(path, { headers });
      expect([answer.status, answer.body.toString()]).toEqual([200, "{}"]);
      expect(answer.headers["docker-distribution-api-version"]).toBe("registry/2.0");
    }
    const headers = { host: "bad host" };
    expect((await mirror.ask("/v2/", { method: "HEAD", headers })).status).toBe(200);
    expect(mirror.upstream.lines).toEqual([]);
  });

  it("says that it lives, and what it has counted", async () => {
    await using mirror = await MirrorFixture.start();
    expect((await mirror.ask("/healthz")).body.toString()).toBe("ok\n");
    const digest = mirror.swarm.add({ bytes: CONTENT, source: "seed" });
    await mirror.ask(`/v2/team/app/blobs/${digest}`);
    const { body, headers } = await mirror.ask("/metrics");
    expect(headers["content-type"]).toMatch(/^text\/plain; version=/);
    expect(body.toString()).toContain(
      'registry_proxy_requests_total{route="blob",status="2xx",source="seed"} 1\n',
    );
    expect(body.toString()).toContain(
      'registry_proxy_sent_bytes_total{route="blob",source="seed"} 200000\n',
    );
    expect(body.toString()).toContain("registry_proxy_running_requests 1\n");
  });

  it("refuses to be pushed to", async () => {
    await using mirror = await MirrorFixture.start();
    const answer = await mirror.ask("/v2/team/app/blobs/uploads/", { method: "POST" });
    expect([answer.status, answer.headers["allow"]]).toEqual([405, "GET, HEAD"]);
    expect(errorsOf(answer)).toEqual([
      {
        code: "UNSUPPORTED",
        message: "this is a read-only mirror; push to the registry itself",
        detail: {},
      },
    ]);
  });

  it("refuses a malformed digest by 400", async () => {
    await using mirror = await MirrorFixture.start();
    const answer = await mirror.ask("/v2/team/app/manifests/sha256:baddigeststring");
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([400, "DIGEST_INVALID"]);
  });

  it.each(["manifests/v1", `manifests/${sha256Digest(CONTENT)}`, `blobs/${sha256Digest(CONTENT)}`])(
    "refuses to ask a forbidden address for %s, and names the way out",
    async (path) => {
      await using mirror = await MirrorFixture.start();
      for (const ns of ["169.254.169.254", "127.0.0.1:1", "localhost:1"]) {
        const answer = await mirror.ask(`/v2/team/app/${path}?ns=${ns}`);
        expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([403, "DENIED"]);
        expect(errorsOf(answer)[0]?.message).toContain(`--allow-origin ${ns.split(":")[0]}:`);
      }
      expect(mirror.swarm.requests).toEqual([]);
    },
  );

  it("asks the registry that the path names", async () => {
    await using mirror = await MirrorFixture.start({ moreUpstreams: [] });
    mirror.upstream.manifest("team/app", "v1", "application/vnd.oci.image.manifest.v1+json", "{}");
    const name = `${mirror.upstream.host}/team/app`;
    const answer = await mirror.ask(`/v2/${name}/manifests/v1`, { method: "HEAD" });
    expect(answer.status).toBe(200);
    expect(mirror.upstream.lines.at(-1)).toBe("HEAD /v2/team/app/manifests/v1");
  });

  it("answers a TLS greeting by what begins with HTTP/", async () => {
    await using mirror = await MirrorFixture.start();
    const socket = connect(mirror.endpoint.port, mirror.endpoint.host);
    socket.write(Buffer.from("16030100c8010000c40303", "hex"));
    const [data] = (await once(socket, "data")) as [Buffer];
    expect(data.toString("latin1", 0, 12)).toBe("HTTP/1.1 400");
    socket.destroy();
  });

  it("answers headers that are too long by 431", async () => {
    await using mirror = await MirrorFixture.start();
    const socket = connect(mirror.endpoint.port, mirror.endpoint.host);
    socket.write(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
    const [data] = (await once(socket, "data")) as [Buffer];
    expect(data.toString("latin1", 0, 12)).toBe("HTTP/1.1 431");
    socket.destroy();
  });

  it("that is taken is told by a sentence", async () => {
    await using mirror = await MirrorFixture.start();
    await using another = await MirrorFixture.start();
    await another.server[Symbol.asyncDispose]();
    await expect(another.server.listen(mirror.endpoint)).rejects.toThrow(UserError);
  });
});

describe("stopping", () => {
  it("waits for running answers and closes kept connections", async () => {
    await using mirror = await MirrorFixture.start();
    const gate = Promise.withResolvers<void>();
    const pause = { atByte: 65_536, until: gate.promise };
    const digest = mirror.swarm.add({ bytes: CONTENT, pause });
    const answer = mirror.ask(`/v2/team/app/blobs/${digest}`);
    const isReading = (): boolean => mirror.swarm.readingCount === 1;
    await until(isReading, { what: "the reading to begin" });
    const drained = mirror.server.drain(60_000);
    await expect(mirror.ask("/v2/")).rejects.toThrow("ECONNREFUSED");
    gate.resolve();
    expect((await answer).body.equals(CONTENT)).toBe(true);
    await drained;
  });

  it("breaks off by FIN what takes too long", async () => {
    await using mirror = await MirrorFixture.start();
    const pause = { atByte: 65_536, until: new Promise<void>(() => undefined) };
    const digest = mirror.swarm.add({ bytes: CONTENT, pause });
    const socket = connect(mirror.endpoint.port, mirror.endpoint.host);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.write(`GET /v2/team/app/blobs/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const length = (): number => Buffer.concat(received).length;
    await until(() => length() > 65_536, { what: "the first bytes" });
    const [ended] = await Promise.all([once(socket, "end"), mirror.server.drain(1)]);
    expect(ended).toEqual([]);
    expect(mirror.swarm.readingCount).toBe(0);
  });
});

describe("the log", () => {
  it("has a record for each answer that holds nothing that a client wrote", async () => {
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
    await using mirror = await MirrorFixture.start({ log });
    const digest = mirror.swarm.add({ bytes: CONTENT });
    await mirror.ask(`/v2/team/secret-name/blobs/${digest}`, { headers: { "x-a": "b" } });
    await mirror.ask("/v2/team/secret-name/manifests/-");
    await until(() => lines.length >= 2, { what: "two records" });
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records[0]).toMatchObject({
      msg: "answered a request",
      route: "blob",
      method: "GET",
      status: 200,
      outcome: "complete",
      source: "peers",
      sentBytes: 200_000,
    });
    expect(records[1]).toMatchObject({ route: "other", status: 400, outcome: "complete" });
    expect(lines.join("")).not.toContain("secret-name");
  });
});
