import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:http";
import { describe, expect, it } from "vitest";

import { VERSION } from "../platform/version.ts";
import type { PeerList } from "../protocol/rest.ts";
import { PIECE_HEADER } from "../protocol/version.ts";
import { FaultyOrigin } from "../test/harness/faulty-origin.ts";
import { bytesDigest, seededBytes } from "../test/harness/seeded-bytes.ts";
import { until } from "../test/harness/until.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

describe("the routes", () => {
  it("tell health, readiness and version", async () => {
    await using it = await ScriptedSupernode.start();
    expect(await (await it.get("/healthz")).json()).toEqual({ status: "ok" });
    expect(await (await it.get("/readyz")).json()).toEqual({ status: "ok" });
    expect(await (await it.get("/version")).json()).toEqual({
      version: VERSION,
      protocol: 1,
      supernodeId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    });
  });

  it("are described by an OpenAPI document", async () => {
    await using it = await ScriptedSupernode.start();
    const document = (await (await it.get("/openapi.json")).json()) as {
      paths: Record<string, unknown>;
    };
    expect(Object.keys(document.paths).sort()).toEqual([
      "/api/v1/peers",
      "/api/v1/tasks",
      "/api/v1/tasks/{id}",
      "/healthz",
      "/readyz",
      "/version",
    ]);
  });

  it("answer what is not there, and what is malformed, in one form", async () => {
    await using it = await ScriptedSupernode.start();
    const answers = [];
    for (const path of [
      "/nope?secret=1",
      "/api/v1/tasks/nonsense",
      `/api/v1/tasks/sha256:${"0".repeat(64)}`,
      `/api/v1/tasks/sha512:${"0".repeat(128)}`,
      `/pieces/sha256:${"0".repeat(64)}/0`,
      `/pieces/sha256:${"0".repeat(64)}/-1`,
      "/%zz",
    ]) {
      const response = await it.get(path);
      answers.push([response.status, ((await response.json()) as { code: string }).code]);
    }
    expect(answers).toEqual([
      [404, "NOT_FOUND"],
      [400, "BAD_REQUEST"],
      [404, "NOT_FOUND"],
      [404, "NOT_FOUND"],
      [404, "NOT_FOUND"],
      [404, "NOT_FOUND"],
      [400, "BAD_REQUEST"],
    ]);
    const posted = await it.get("/api/v1/tasks", { method: "POST", body: "x" });
    expect(await posted.json()).toMatchObject({ code: "NOT_FOUND" });
  });

  it("give long lists in parts, and say how long they are", async () => {
    await using it = await ScriptedSupernode.start();
    const nodes = [await it.node(), await it.node(), await it.node()];
    await until(async () => (await it.peers()).length === 3, { what: "three nodes" });
    const read = async (query: string): Promise<PeerList> =>
      (await (await it.get(`/api/v1/peers${query}`)).json()) as PeerList;
    const parts = [
      await read("?limit=2"),
      await read("?offset=2&limit=2"),
      await read("?offset=3"),
    ];
    expect(parts.map(({ total, peers }) => [total, peers.length])).toEqual([
      [3, 2],
      [3, 1],
      [3, 0],
    ]);
    expect(new Set(parts.flatMap(({ peers }) => peers.map(({ nodeId }) => nodeId)))).toEqual(
      new Set(nodes.map(({ nodeId }) => nodeId)),
    );
    for (const wrong of ["limit=0", "limit=1001", "offset=-1", "limit=many"]) {
      const refused = await it.get(`/api/v1/tasks?${wrong}`);
      expect([refused.status, await refused.json()]).toMatchObject([400, { code: "BAD_REQUEST" }]);
    }
  });

  it("refuse an over-long head with 431", async () => {
    await using it = await ScriptedSupernode.start();
    const response = await it.get("/healthz", { headers: { "x-long": "x".repeat(40_000) } });
    expect(response.status).toBe(431);
    expect(await response.json()).toMatchObject({ code: "BAD_REQUEST" });
  });

  it("give metrics without labels that name content or nodes", async () => {
    await using it = await ScriptedSupernode.start();
    const text = await it.metrics();
    const names = [...text.matchAll(/^(supernode_\w+)/gm)].map(([, name]) => name);
    expect(names).toEqual([
      "supernode_origin_requests_total",
      "supernode_origin_probes_total",
      "supernode_origin_received_bytes_total",
      "supernode_seed_sent_bytes_total",
      "supernode_seed_pieces_total",
      "supernode_garbage_frames_total",
      "supernode_nodes",
      "supernode_tasks",
      "supernode_stored_bytes",
    ]);
    expect(text).toContain("process_cpu_seconds_total");
  });
});

describe("the pieces", () => {
  it("are handed to any HTTP client, whole or by ranges, and counted", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("pieces", 300_000);
    const digest = bytesDigest(content);
    const node = await it.node();
    const number = node.joinUrl(origin.serve("/b", { content }), digest);
    await node.next("proven", number);
    const whole = await it.get(`/pieces/${digest}/1`);
    expect([whole.status, whole.headers.get("content-length")]).toEqual([200, "37856"]);
    expect(whole.headers.get(PIECE_HEADER)).toMatch(/^[\w-]{130}$/);
    expect(Buffer.from(await whole.arrayBuffer()).equals(content.subarray(262_144))).toBe(true);
    const part = await it.get(`/pieces/${digest}/0`, { headers: { range: "bytes=10-19" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 10-19/262144"]);
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(10, 20))).toBe(true);
    expect((await it.get(`/pieces/${digest}/2`)).status).toBe(404);
    const metrics = await it.metrics();
    expect(metrics).toContain("supernode_seed_sent_bytes_total 37866");
    expect(metrics).toContain("supernode_origin_received_bytes_total 300000");
    expect(metrics).toContain("supernode_origin_requests_total 1");
    const task = await (await it.get(`/api/v1/tasks/${digest}`)).json();
    expect(task).toMatchObject({ taskId: digest, seedBytes: 37_866, peers: 1 });
  });

  it("that are being sent when the supernode stops are sent to their end", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start();
    const content = seededBytes("drain", 16 * 1024 * 1024);
    const digest = bytesDigest(content);
    const node = await it.node();
    const url = origin.serve("/b", { content });
    const pieceLengthBytes = content.length;
    const number = node.join({ taskId: digest, origin: { url, headers: [] }, pieceLengthBytes });
    await node.next("proven", number);
    const asking = request({ port: it.port, path: `/pieces/${digest}/0` });
    asking.end();
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    const stopped = it.stop();
    await node.closed;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    await stopped;
  });

  it("wait their turn where the slots are taken", async () => {
    await using origin = await FaultyOrigin.start();
    await using it = await ScriptedSupernode.start({ uploadSlots: 1 });
    const content = seededBytes("slots", 16 * 1024 * 1024);
    const digest = bytesDigest(content);
    const node = await it.node();
    const url = origin.serve("/b", { content });
    const pieceLengthBytes = content.length;
    const number = node.join({ taskId: digest, origin: { url, headers: [] }, pieceLengthBytes });
    await node.next("proven", number);
    const asking = request({ port: it.port, path: `/pieces/${digest}/0` });
    asking.end();
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    const refused = await it.get(`/pieces/${digest}/0`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ code: "NO_SLOT" });
    response.resume();
    await once(response, "end");
  });
});
