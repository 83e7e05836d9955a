import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { blobGets } from "../harness/access-log.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { buildImage, type BuiltImage } from "../harness/image.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { bytesDigest } from "../harness/seeded-bytes.ts";
import { until } from "../harness/until.ts";

const CLIENT_COUNT = 500;
const RANGE_COUNT = 1000;
const MIB = 1024 * 1024;

describeWhere(["docker-registry"], "many readers of a mirror", () => {
  const resources = new AsyncDisposableStack();
  let registry: Registry;
  let image: BuiltImage;
  let fleet: Fleet;

  beforeAll(async () => {
    registry = resources.use(await Registry.start());
    image = resources.use(await build("many"));
    await uploadImage(image, registry.url, "team/app", "v1");
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: 2,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
  });

  afterAll(() => resources.disposeAsync());

  const urlOf = (node: number, digest: string): string =>
    `${fleet.node(node).mirrorUrl}/v2/team/app/blobs/${digest}`;
  const layer = (index: number) => image.own.layers[index]!;

  it("500 clients of one node get the same cold layer at once, from one reading of the registry", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const { digest } = layer(0);
    await registry.log.forget();
    using agent = clients();
    const answers = Array.from({ length: CLIENT_COUNT }, async () => {
      const { status, digest: got } = await read(urlOf(0, digest), agent.agent);
      expect([status, got]).toEqual([200, digest]);
    });
    await Promise.all(answers);
    expect(Object.fromEntries(blobGets(await registry.log.records()))).toEqual({ [digest]: 1 });
    // 500 answers of 4 MiB are 2 GB: what is kept in memory must be far from growing with them.
    const status = await readFile(`/proc/${fleet.node(0).process.pid}/status`, "utf8");
    const mostMib = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    expect(mostMib).toBeLessThan((CLIENT_COUNT * layer(0).size) / MIB / 2);
  });

  it("1000 random ranges of a cold layer, some left early and some multiple, are right and cost little more than one reading", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const { digest, size } = layer(1);
    const content = await readFile(image.layout.blobPath(digest));
    const random = seeded(4711);
    await registry.log.forget();
    using agent = clients(32);
    const one = async (): Promise<void> => {
      const firstByte = Math.floor(random() * (size - 2));
      const lengthBytes = Math.ceil(2 ** (1 + random() * 20));
      const lastByte = Math.min(size - 1, firstByte + lengthBytes - 1);
      const kind = random();
      if (kind < 0.1) return await leaveEarly(urlOf(1, digest), firstByte, agent.agent);
      const range = `bytes=${firstByte}-${lastByte}`;
      if (kind < 0.2) {
        const answer = await read(urlOf(1, digest), agent.agent, { range: `${range},0-0,-1` });
        expect(answer.status).toBe(lastByte - firstByte + 3 > size ? 200 : 206);
        expect(answer.body.includes(content.subarray(firstByte, lastByte + 1))).toBe(true);
        return;
      }
      const answer = await read(urlOf(1, digest), agent.agent, { range });
      expect([range, answer.status]).toEqual([range, 206]);
      expect(answer.body.equals(content.subarray(firstByte, lastByte + 1))).toBe(true);
    };
    await Promise.all(Array.from({ length: RANGE_COUNT }, one));
    const sent = (await registry.log.records())
      .filter(({ method, path }) => method === "GET" && path.endsWith(digest))
      .reduce((sum, { bytes }) => sum + bytes, 0);
    // Those that are left early want the whole, which comes while the first parts do.
    expect(sent).toBeGreaterThanOrEqual(size);
    expect(sent).toBeLessThanOrEqual(1.5 * size);
  });

  it("go on with a warm image when the registry is down, and see a moved tag soon after it is back", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    using agent = clients();
    const manifest = async (node: number, reference: string) => {
      const url = `${fleet.node(node).mirrorUrl}/v2/team/app/manifests/${reference}`;
      const accept = `${image.index.mediaType}, ${image.own.manifest.mediaType}`;
      return await read(url, agent.agent, { accept });
    };
    const references = ["v1", image.own.manifest.digest];
    const digests = [image.own.config.digest, ...image.own.layers.map((each) => each.digest)];
    for (const node of [0, 1]) {
      for (const reference of references) await manifest(node, reference);
      for (const digest of digests) await read(urlOf(node, digest), agent.agent);
    }
    const port = Number(new URL(registry.url).port);
    await registry[Symbol.asyncDispose]();
    await until(async () => (await manifest(0, "v1")).headers["x-darter-stale"] === "true", {
      what: "the tag to be answered from memory",
    });
    for (const node of [0, 1]) {
      const [byTag, byDigest] = await Promise.all(references.map((each) => manifest(node, each)));
      expect([byTag?.status, byTag?.digest]).toEqual([200, image.index.digest]);
      expect([byDigest?.status, byDigest?.digest]).toEqual([200, image.own.manifest.digest]);
      for (const digest of digests) {
        const blob = await read(urlOf(node, digest), agent.agent);
        expect([blob.status, blob.digest]).toEqual([200, digest]);
        // A small one may have been kept in memory as it came.
        const isSmall = blob.body.length <= 64 * 1024;
        const sources = isSmall ? ["disk", "memory"] : ["disk"];
        expect(sources).toContain(blob.headers["x-darter-source"]);
      }
    }
    await using moved = await build("moved");
    await using back = await Registry.start({ port });
    await uploadImage(moved, back.url, "team/app", "v1");
    const isSeen = async (): Promise<boolean> =>
      (await manifest(0, "v1")).digest === moved.index.digest;
    await until(isSeen, { what: "the moved tag to be seen" });
  });
});

async function build(seed: string): Promise<BuiltImage> {
  return await buildImage({
    shared: [4 * MIB, 24 * MIB].map((lengthBytes, index) => ({
      name: `layer-${index}.bin`,
      compression: "none" as const,
      content: { seed: `${seed} ${index}`, lengthBytes },
    })),
  });
}

function clients(maxSockets = Infinity): { readonly agent: Agent } & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets });
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}

async function open(
  url: string,
  agent: Agent,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const asked = get(url, { agent, headers });
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return answer;
}

async function read(url: string, agent: Agent, headers: Record<string, string> = {}) {
  const answer = await open(url, agent, headers);
  const hash = createHash("sha256");
  const isPart = headers["range"] !== undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (isPart) chunks.push(chunk);
  }
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    digest: `sha256:${hash.digest("hex")}`,
    body: Buffer.concat(chunks),
  };
}

/** Asks for everything from a byte on and leaves after the first part of it. */
async function leaveEarly(url: string, firstByte: number, agent: Agent): Promise<void> {
  const answer = await open(url, agent, { range: `bytes=${firstByte}-` });
  expect(answer.statusCode).toBe(206);
  await once(answer, "readable");
  answer.destroy();
}

/** Numbers in [0, 1), the same for the same seed. */
function seeded(seed: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    return Number.parseInt(bytesDigest(Buffer.from(`${seed} ${count}`)).slice(7, 15), 16) / 2 ** 32;
  };
}
