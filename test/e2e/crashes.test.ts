import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { supernodeFigures } from "../harness/fleet-metrics.ts";
import { startLoneNode, type LoneNode } from "../harness/lone-node.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { seededRandom } from "../simulation/seeded-random.ts";

/** More when somebody wants to be surer; each takes some seconds. */
const ROUNDS = Number(process.env["DARTER_CRASH_ROUNDS"] ?? 5);
const SEED = Number(process.env["DARTER_CRASH_SEED"] ?? 1);
const MIB = 1024 * 1024;
const LENGTH_BYTES = 6 * MIB + 123;
const PIECE_LENGTH_BYTES = 256 * 1024;
/** What may be on its way when a node dies: the pieces it fetches at once. */
const IN_FLIGHT_BYTES = 16 * PIECE_LENGTH_BYTES;

interface Content {
  readonly bytes: Buffer;
  readonly path: string;
}

describeWhere(["linux"], `a node that is killed ${ROUNDS} times (seed ${SEED})`, () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let directory: TemporaryDirectory;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    directory = resources.use(await TemporaryDirectory.create("crash"));
    fleet = resources.use(
      await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 0,
        allowOrigins: [origin.authority],
      }),
    );
  });

  afterAll(() => resources.disposeAsync());

  const content = (name: string): Content => {
    const bytes = seededBytes(`crash ${SEED} ${name}`, LENGTH_BYTES);
    const path = `/v2/team/app/blobs/${bytesDigest(bytes)}`;
    origin.serve(path, { content: bytes });
    return { bytes, path };
  };

  const start = async (place: string, ...args: string[]): Promise<LoneNode> => {
    const node = await startLoneNode({
      supernodeUrl: fleet.supernodeUrl,
      upstreamUrl: origin.url,
      dataDirectory: directory.join(place),
      socketPath: directory.join(`${place}.sock`),
      args,
    });
    onTestFailed(() => console.error(node.process.lastWords()));
    return node;
  };

  it(
    "never serves a wrong byte, keeps what was finished, and fetches only what was in flight again",
    async () => {
      const random = seededRandom(SEED);
      const finished: Content[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const next = content(`round ${round}`);
        const sentBefore = (await supernodeFigures(fleet.supernodeUrl)).seedSentBytes;
        {
          // Slow enough that the moment of the kill is somewhere on the way.
          await using node = await start("kept", "--download-limit", "15MiB");
          const pulling = read(node, next, next.bytes.length);
          await new Promise((resolve) => setTimeout(resolve, random() * 450));
          await node.process.killHard();
          await pulling;
        }
        await using node = await start("kept");
        expect((await read(node, next, 0)).isWhole).toBe(true);
        const sentAfter = (await supernodeFigures(fleet.supernodeUrl)).seedSentBytes;
        expect(sentAfter - sentBefore).toBeLessThanOrEqual(LENGTH_BYTES + IN_FLIGHT_BYTES);
        const old = finished[Math.floor(random() * finished.length)];
        if (old) {
          expect(await read(node, old, 0)).toEqual({ isWhole: true, source: "disk" });
          expect((await supernodeFigures(fleet.supernodeUrl)).seedSentBytes).toBe(sentAfter);
        }
        finished.push(next);
        await node.process.killHard();
      }
    },
    ROUNDS * 20_000,
  );

  it(
    "never serves a wrong byte when it dies while it evicts",
    async () => {
      const random = seededRandom(SEED + 1);
      const contents = Array.from({ length: 6 }, (_, index) => content(`evicted ${index}`));
      for (let round = 0; round < ROUNDS; round++) {
        await using node = await start("small", "--disk-quota", String(3 * LENGTH_BYTES));
        const killAfterMs = 50 + random() * 400;
        const killed = new Promise((resolve) => setTimeout(resolve, killAfterMs)).then(
          async () => await node.process.killHard(),
        );
        while (node.process.isRunning) {
          await read(node, contents[Math.floor(random() * contents.length)]!, Infinity);
        }
        await killed;
      }
      await using node = await start("small", "--disk-quota", String(3 * LENGTH_BYTES));
      for (const each of contents) expect((await read(node, each, 0)).isWhole).toBe(true);
    },
    ROUNDS * 20_000,
  );
});

/**
 * Reads a content, all of whose bytes that come must be right. A body may end early only where that is allowed: with
 * more than 0 `missingMax`.
 */
async function read(
  node: LoneNode,
  { bytes, path }: Content,
  missingMax: number,
): Promise<{ isWhole: boolean; source: string | null }> {
  let offset = 0;
  let source: string | null = null;
  try {
    const answer = await fetch(node.mirrorUrl + path, { signal: AbortSignal.timeout(30_000) });
    expect(answer.status).toBe(200);
    source = answer.headers.get("x-darter-source");
    for await (const chunk of answer.body!) {
      expect(bytes.compare(chunk, 0, chunk.length, offset, offset + chunk.length)).toBe(0);
      offset += chunk.length;
    }
  } catch (error) {
    // The end of a process is what breaks a connection off; a failed expectation is not.
    if (missingMax === 0 || !(error instanceof TypeError)) throw error;
  }
  return { isWhole: offset === bytes.length, source };
}
