import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { curl } from "../harness/curl.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { metricOf } from "../harness/fleet-metrics.ts";
import { startLoneNode, type LoneNode } from "../harness/lone-node.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const LENGTH_BYTES = 12 * 1024 * 1024 + 5;
const content = seededBytes("damaged disk", LENGTH_BYTES);
const path = `/v2/team/app/blobs/${bytesDigest(content)}`;

describeWhere(["curl"], "bits that flip in the files of a node", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    origin.serve(path, { content });
    fleet = resources.use(
      await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 2,
        upstreams: [origin.url],
        allowOrigins: [origin.authority],
      }),
    );
  });

  afterAll(() => resources.disposeAsync());

  const pull = async (node: number): Promise<boolean> => {
    const { body } = await curl(fleet.node(node).mirrorUrl + path);
    return body.equals(content);
  };

  it("reach neither its runtime nor its peers, and the piece is fetched again", async () => {
    expect(await pull(0)).toBe(true);
    const before = (await fleet.received())[0]!.total;
    await flipBits(fleet.node(0).dataDirectory, [1_000_000, 5_000_000]);
    // At once, while the task is awake.
    expect(await pull(0)).toBe(true);
    await until(async () => (await pull(0)) && (await damagedPieces(fleet)) === 2, {
      what: "the damage to be counted",
    });
    const fetchedBytes = (await fleet.received())[0]!.total - before;
    expect(fetchedBytes).toBe(2 * 256 * 1024);
    expect(fleet.node(0).process.stderr.text).toContain("pieces on disk were lost or damaged");
    await flipBits(fleet.node(0).dataDirectory, [2_000_000]);
    expect(await pull(1)).toBe(true);
    expect(origin.gets(path)).toHaveLength(1);
  });

  it("are found in a content that was never complete, by who reads on where another has stopped", async () => {
    await using directory = await TemporaryDirectory.create("rot");
    const part = seededBytes("damaged part", LENGTH_BYTES);
    const faults = { rateBytesPerSecond: 4 * 1024 * 1024 };
    const path = `/v2/team/app/blobs/${bytesDigest(part)}`;
    origin.serve(path, { content: part, faults });
    const start = async (): Promise<LoneNode> =>
      await startLoneNode({
        supernodeUrl: fleet.supernodeUrl,
        upstreamUrl: origin.url,
        dataDirectory: directory.join("data"),
        socketPath: directory.join("node.sock"),
      });
    {
      await using node = await start();
      const abort = new AbortController();
      const answer = await fetch(node.mirrorUrl + path, { signal: abort.signal });
      let readBytes = 0;
      for await (const chunk of answer.body!) {
        readBytes += chunk.length;
        if (readBytes > 4_000_000) break;
      }
      abort.abort();
    }
    await flipBits(directory.join("data"), [1_000_000, 3_000_000], (length) => length >= 4_000_000);
    await using node = await start();
    const { body } = await curl(node.mirrorUrl + path);
    expect(body.equals(part)).toBe(true);
    expect(await metricOf(node.peerUrl, "darter_damaged_pieces_total")).toBeGreaterThan(0);
    const again = await curl(node.mirrorUrl + path);
    expect(again.body.equals(part)).toBe(true);
  });
});

async function damagedPieces(fleet: Fleet): Promise<number> {
  return await metricOf(fleet.node(0).peerUrl, "darter_damaged_pieces_total");
}

/** Flips a bit at each of the places in the one file that has the length of the content. */
async function flipBits(
  directory: string,
  offsets: readonly number[],
  isContent = (length: number): boolean => length === LENGTH_BYTES,
): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  let files = 0;
  for (const entry of entries.filter((each) => each.isFile())) {
    await using file = await open(join(entry.parentPath, entry.name), "r+");
    if (!isContent((await file.stat()).size)) continue;
    files += 1;
    const byte = Buffer.alloc(1);
    for (const offset of offsets) {
      await file.read(byte, 0, 1, offset);
      byte[0]! ^= 1;
      await file.write(byte, 0, 1, offset);
    }
  }
  expect(files).toBe(1);
}
