import pLimit from "p-limit";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { choosePieceLength } from "../../protocol/piece-table.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { Registry } from "../harness/registry.ts";
import { uploadBytes } from "../harness/registry-upload.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { seededRandom } from "../simulation/seeded-random.ts";

const MIB = 1024 ** 2;
/** The whole: `DARTER_LAZY_MIB=1024 DARTER_LAZY_READS=1000 DARTER_LAZY_READ_MAX=16777216`. */
const LENGTH_BYTES = Number(process.env["DARTER_LAZY_MIB"] ?? 96) * MIB;
const READS = Number(process.env["DARTER_LAZY_READS"] ?? 60);
const READ_BYTES_MAX = Number(process.env["DARTER_LAZY_READ_MAX"] ?? 512 * 1024);
const SEED = Number(process.env["DARTER_LAZY_SEED"] ?? 11);
const IS_FULL = LENGTH_BYTES >= 1024 * MIB;
const AT_ONCE = 8;
/** Reads whose first byte is waited for. */
const FIRST_BYTES = 300;

/** First bytes and lengths of the places that one request names. */
type Places = readonly (readonly [firstByte: number, lengthBytes: number])[];

describeWhere(["docker-registry"], "a blob of which parts are read", () => {
  const resources = new AsyncDisposableStack();
  const agent = new Agent({ connections: AT_ONCE });
  const random = seededRandom(SEED);
  let registry: Registry;
  let fleet: Fleet;
  let content: Buffer;
  let path: string;
  const pieceBytes = choosePieceLength(LENGTH_BYTES);
  const touched = new Set<number>();

  beforeAll(async () => {
    content = seededBytes("lazy", LENGTH_BYTES);
    registry = resources.use(await Registry.start());
    await uploadBytes(content, registry.url, "team/lazy");
    path = `/v2/team/lazy/blobs/${bytesDigest(content)}`;
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: 2,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
    resources.defer(async () => await agent.close());
  }, 120_000);

  afterAll(() => resources.disposeAsync());

  function drawPlace(bytesMax: number): readonly [number, number] {
    const lengthBytes = Math.max(2, Math.round(2 * (bytesMax / 2) ** random()));
    const firstByte = Math.floor(random() * (LENGTH_BYTES - lengthBytes));
    return [firstByte, lengthBytes];
  }

  function touch(places: Places): void {
    for (const [firstByte, lengthBytes] of places) {
      const last = Math.floor((firstByte + lengthBytes - 1) / pieceBytes);
      for (let piece = Math.floor(firstByte / pieceBytes); piece <= last; piece++)
        touched.add(piece);
    }
  }

  /** Reads places by one request, or breaks off after the first bytes, and compares. */
  async function read(node: number, places: Places, isBrokenOff = false): Promise<void> {
    const specs = places.map(([from, count]) => `${from}-${from + count - 1}`).join(",");
    const url = `${fleet.node(node).mirrorUrl}${path}`;
    const headers = { range: `bytes=${specs}` };
    const answer = await request(url, { dispatcher: agent, headers });
    expect(answer.statusCode).toBe(206);
    if (isBrokenOff) {
      for await (const _first of answer.body) break;
      return;
    }
    const body = Buffer.from(await answer.body.arrayBuffer());
    for (const [from, count] of places) {
      const wanted = content.subarray(from, from + count);
      const isRight = places.length === 1 ? body.equals(wanted) : body.includes(wanted);
      expect(isRight, `the bytes from ${from} on, ${count} of them`).toBe(true);
    }
  }

  it.runIf(IS_FULL)(
    "waits at most three times as long for a first byte as at the registry",
    async () => {
      const firstBytesMs: { mirror: number[]; registry: number[] } = { mirror: [], registry: [] };
      for (let count = 0; count < FIRST_BYTES; count++) {
        const place = drawPlace(64 * 1024);
        touch([place]);
        const range = `bytes=${place[0]}-${place[0] + place[1] - 1}`;
        for (const [name, url] of [
          ["registry", registry.url],
          ["mirror", fleet.node(count % 2).mirrorUrl],
        ] as const) {
          const startMs = performance.now();
          const answer = await request(`${url}${path}`, { dispatcher: agent, headers: { range } });
          for await (const _first of answer.body) {
            firstBytesMs[name].push(performance.now() - startMs);
            break;
          }
        }
      }
      const figures = Object.entries(firstBytesMs).map(([name, values]) => {
        const sorted = values.toSorted((a, b) => a - b);
        const at = (share: number): number => sorted[Math.ceil(share * FIRST_BYTES) - 1]!;
        return { name, p50: at(0.5), p99: at(0.99) };
      });
      console.info("first byte, ms:", JSON.stringify(figures));
      const [mirror, direct] = figures;
      expect(mirror!.p99).toBeLessThanOrEqual(3 * direct!.p99);
    },
  );

  it(`gives ${READS} drawn ranges right and costs the registry only the pieces they touch`, async () => {
    console.info(`seed ${SEED}, pieces of ${pieceBytes} bytes`);
    onTestFailed(() => console.error(fleet.lastWords()));
    const limit = pLimit(AT_ONCE);
    const reads = Array.from({ length: READS }, (_, index) => {
      const isMulti = random() < 0.1;
      const places = isMulti
        ? [drawPlace(4096), drawPlace(4096), drawPlace(4096)]
        : [drawPlace(READ_BYTES_MAX)];
      touch(places);
      return limit(async () => await read(index % 2, places, !isMulti && random() < 0.1));
    });
    await Promise.all(reads);
    const use = await fleet.originUse();
    // Beside the pieces one byte is asked for, which tells the length.
    expect(use.bytes).toBeLessThanOrEqual((touched.size + 1) * pieceBytes);
    expect(use.bytes).toBeLessThan(LENGTH_BYTES);
    const received = await fleet.received();
    const ratio = received.reduce((sum, { total }) => sum + total, 0) / pieceBytes / touched.size;
    console.info(`${touched.size} pieces touched, ${(use.bytes / pieceBytes).toFixed(2)} read`);
    expect(ratio).toBeLessThanOrEqual(2);
    expect(received.every(({ origin }) => origin === 0)).toBe(true);
    const tasks = await request(`${fleet.supernodeUrl}/api/v1/tasks`);
    expect((await tasks.body.json()) as object).toMatchObject({ tasks: [{ peers: 2 }] });
  });

  it("gives its end, which is not proven by anything yet", async () => {
    const places: Places = [[LENGTH_BYTES - 51, 51]];
    touch(places);
    await read(0, places);
    const answer = await request(`${fleet.node(1).mirrorUrl}${path}`, {
      headers: { range: "bytes=-51" },
    });
    expect(Buffer.from(await answer.body.arrayBuffer()).equals(content.subarray(-51))).toBe(true);
  });

  it("answers what one node has read from there on another, without the registry", async () => {
    const piece = [...Array(Math.floor(LENGTH_BYTES / pieceBytes)).keys()].find(
      (index) => !touched.has(index),
    )!;
    const places: Places = [[piece * pieceBytes + 10, 1000]];
    touch(places);
    await read(0, places);
    const before = await fleet.originUse();
    await read(1, places);
    await read(0, places);
    expect(await fleet.originUse()).toEqual(before);
  });

  it("is fetched whole, without a piece twice, and proven when somebody reads all of it", async () => {
    const before = (await fleet.originUse()).bytes;
    const answer = await request(`${fleet.node(0).mirrorUrl}${path}`);
    expect(bytesDigest(Buffer.from(await answer.body.arrayBuffer()))).toBe(bytesDigest(content));
    const rest = Math.ceil(LENGTH_BYTES / pieceBytes) - touched.size;
    expect((await fleet.originUse()).bytes - before).toBeLessThanOrEqual((rest + 1) * pieceBytes);
  });
});
