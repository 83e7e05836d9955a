import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet } from "../harness/fleet.ts";
import { metricOf } from "../harness/fleet-metrics.ts";
import { startLoneNode } from "../harness/lone-node.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { seededRandom } from "../simulation/seeded-random.ts";

/** 16 for a quota of 1 GiB and 3 GiB that are pulled. */
const SCALE = Number(process.env["DARTER_EVICTION_SCALE"] ?? 1);
const MIB = 1024 * 1024;
const LENGTH_BYTES = 8 * MIB + 7;
const BLOB_COUNT = 24 * SCALE;
const QUOTA_BYTES = 64 * MIB * SCALE;
/** Pieces that a node has on their way at once. */
const IN_FLIGHT_BYTES = 16 * MIB;

describeWhere(["linux"], "a node whose quota is a third of what is pulled through it", () => {
  it(
    "keeps to the quota, lets go of what was used longest ago, and never of what is being read",
    async () => {
      await using origin = await FaultyOrigin.start();
      await using directory = await TemporaryDirectory.create("evict");
      await using fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 0,
        allowOrigins: [origin.authority],
      });
      const paths = Array.from({ length: BLOB_COUNT }, (_, index) => {
        const content = seededBytes(`evicted ${index}`, LENGTH_BYTES);
        return origin.serve(`/v2/team/app/blobs/${bytesDigest(content)}`, { content });
      }).map((url) => new URL(url).pathname);
      await using node = await startLoneNode({
        supernodeUrl: fleet.supernodeUrl,
        upstreamUrl: origin.url,
        dataDirectory: directory.join("data"),
        socketPath: directory.join("node.sock"),
        args: ["--disk-quota", String(QUOTA_BYTES)],
      });
      onTestFailed(() => console.error(node.process.lastWords()));
      const urlOf = (path: string): string => node.mirrorUrl + path;
      const expectWithinQuota = async (): Promise<void> => {
        const storedBytes = await metricOf(node.peerUrl, "darter_stored_bytes");
        expect(storedBytes).toBeLessThanOrEqual(QUOTA_BYTES + IN_FLIGHT_BYTES);
        expect(await diskBytes(directory.join("data", "tasks"))).toBeLessThanOrEqual(
          QUOTA_BYTES + IN_FLIGHT_BYTES,
        );
      };
      const [held, lost, ...others] = paths as [string, string, ...string[]];
      expect(await pull(urlOf(held))).not.toBe("disk");
      // Two who read slowly all the while.
      const readers = await Promise.all([begin(urlOf(held)), begin(urlOf(held))]);
      await pull(urlOf(lost));
      const random = seededRandom(7);
      const order = others.toSorted(() => random() - 0.5);
      for (const path of order) {
        await pull(urlOf(path));
        await expectWithinQuota();
      }
      // What came last is here, what came first is not, unless somebody still reads it.
      expect(await pull(urlOf(order.at(-1)!))).toBe("disk");
      expect(await pull(urlOf(order.at(-2)!))).toBe("disk");
      expect(await pull(urlOf(held))).toBe("disk");
      expect(await pull(urlOf(lost))).not.toBe("disk");
      for (const reader of readers)
        expect(`sha256:${await digestOf(reader)}`).toBe(held.split("/").at(-1));
      await expectWithinQuota();
    },
    120_000 * SCALE,
  );
});

/** Pulls a blob, all of whose bytes must be right; returns where they came from. */
async function pull(url: string): Promise<string | undefined> {
  const answer = await begin(url);
  expect(`sha256:${await digestOf(answer)}`).toBe(url.split("/").at(-1));
  return answer.headers["x-darter-source"] as string | undefined;
}

/** Asks for a blob; the body waits. */
async function begin(url: string): Promise<IncomingMessage> {
  const request = get(url, { agent: false });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  return answer;
}

async function digestOf(answer: IncomingMessage): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of answer) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** What the files in a folder take on the disk. */
async function diskBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => await stat(join(entry.parentPath, entry.name)).catch(() => undefined)),
  );
  return sizes.reduce((sum, info) => sum + (info ? info.blocks * 512 : 0), 0);
}
