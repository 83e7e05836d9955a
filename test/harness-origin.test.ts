import { request } from "undici";
import { describe, expect, it } from "vitest";
import { FaultyOrigin, type OriginEntry } from "./harness/faulty-origin.ts";
import type { OriginFaults } from "./harness/origin-faults.ts";
import { bytesDigest, seededBytes } from "./harness/seeded-bytes.ts";

const CONTENT = seededBytes("origin", 300_000);

async function ask(
  faults: OriginFaults,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer; failure: unknown }> {
  await using origin = await FaultyOrigin.start();
  const entry: OriginEntry = { content: CONTENT, faults };
  const answer = await request(origin.serve("/file", entry), { headers });
  const chunks: Buffer[] = [];
  let failure: unknown;
  try {
    for await (const chunk of answer.body) chunks.push(chunk as Buffer);
  } catch (error) {
    failure = error;
  }
  const body = Buffer.concat(chunks);
  return { status: answer.statusCode, headers: answer.headers, body, failure };
}

describe("the faulty origin", () => {
  it("without faults serves content, ranges and lengths as a good one does", async () => {
    const whole = await ask({});
    expect(whole.status).toBe(200);
    expect(whole.headers["content-length"]).toBe("300000");
    expect(bytesDigest(whole.body)).toBe(bytesDigest(CONTENT));
    const part = await ask({}, { range: "bytes=1000-1999" });
    expect(part.status).toBe(206);
    expect(part.headers["content-range"]).toBe("bytes 1000-1999/300000");
    expect(part.body.equals(CONTENT.subarray(1000, 2000))).toBe(true);
  });

  it("keeps length and ranges to itself when told to", async () => {
    const faults = { isChunked: true, hasNoRanges: true };
    const answer = await ask(faults, { range: "bytes=1000-1999" });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-length"]).toBeUndefined();
    expect(answer.headers["accept-ranges"]).toBeUndefined();
    expect(answer.body.equals(CONTENT)).toBe(true);
  });

  it("corrupts exactly one byte, also inside a range", async () => {
    const answer = await ask({ corruptAtByte: 1500 }, { range: "bytes=1000-1999" });
    const wrong = [...answer.body.keys()].filter((i) => answer.body[i] !== CONTENT[1000 + i]);
    expect(wrong).toEqual([500]);
  });

  it("cuts the connection at the offset", async () => {
    const answer = await ask({ cutAtByte: 100_000 });
    expect(answer.failure).toBeDefined();
    expect(answer.body.equals(CONTENT.subarray(0, 100_000))).toBe(true);
  });

  it("paces what it sends", async () => {
    const startMs = performance.now();
    const answer = await ask({ rateBytesPerSecond: 1_000_000 });
    expect(answer.body.length).toBe(300_000);
    // The last slice of 64 KiB leaves when what is before it has had its time.
    expect(performance.now() - startMs).toBeGreaterThan(190);
  });

  it("passes on what an upstream server answers, with faults, and counts the bytes", async () => {
    await using upstream = await FaultyOrigin.start();
    upstream.serve("/blob", { content: CONTENT, etag: '"e"' });
    await using front = await FaultyOrigin.start({ upstreamUrl: upstream.url });
    front.spoilUpstream((path) => (path === "/blob" ? { corruptAtByte: 7 } : {}));
    const answer = await request(`${front.url}/blob`, { headers: { range: "bytes=5-9" } });
    const body = Buffer.from(await answer.body.arrayBuffer());
    expect(answer.statusCode).toBe(206);
    expect(answer.headers["content-range"]).toBe("bytes 5-9/300000");
    expect(answer.headers["etag"]).toBe('"e"');
    expect(body[2]).toBe(0xff ^ (CONTENT[7] ?? 0));
    expect(front.gets("/blob").map((each) => each.bytesSent)).toEqual([5]);
    expect((await request(`${front.url}/absent`)).statusCode).toBe(404);
  });
});
