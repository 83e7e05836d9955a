import { createHash } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { choosePieceLength } from "../../protocol/piece-table.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { buildImage, type BuiltImage } from "../harness/image.ts";
import type { Descriptor } from "../harness/oci-layout.ts";
import type { OriginFaults } from "../harness/origin-faults.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { until } from "../harness/until.ts";

const MB = 1_000_000;
const CORRUPT_AT_BYTE = 45 * MB;

/** How the body of a layer reached a client. */
interface Delivery {
  readonly status: number;
  readonly receivedBytes: number;
  readonly digest: string;
  /** What ended the body early; undefined when it was whole. */
  readonly failure: unknown;
}

describeWhere(["docker-registry"], "a layer that streams through a mirror", () => {
  const resources = new AsyncDisposableStack();
  let image: BuiltImage;
  let registry: Registry;
  let big: Descriptor;
  let layer: Descriptor;

  beforeAll(async () => {
    const shared = [200 * MB, 60 * MB].map((lengthBytes) => ({
      name: "layer",
      compression: "none" as const,
      content: { seed: `streaming ${lengthBytes}`, lengthBytes },
    }));
    image = resources.use(await buildImage({ shared }));
    registry = resources.use(await Registry.start());
    await uploadImage(image, registry.url, "team/app", "v1");
    [big, layer] = image.own.layers as [Descriptor, Descriptor];
  });

  afterAll(() => resources.disposeAsync());

  /** A fleet of proxies before a registry that spoils both layers in the given way. */
  const startBefore = async (
    stack: AsyncDisposableStack,
    nodeCount: number,
    faults: OriginFaults,
  ): Promise<{ fleet: Fleet; front: FaultyOrigin }> => {
    const front = stack.use(await FaultyOrigin.start({ upstreamUrl: registry.url }));
    const digests = [big.digest, layer.digest];
    front.spoilUpstream((path) => (digests.some((each) => path.endsWith(each)) ? faults : {}));
    const fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount,
      upstreams: [front.url],
      allowOrigins: [front.authority],
    });
    stack.use(fleet);
    onTestFailed(() => console.error(fleet.lastWords()));
    return { fleet, front };
  };

  const layerUrl = (fleet: Fleet, node: number, { digest } = layer): string =>
    `${fleet.node(node).mirrorUrl}/v2/team/app/blobs/${digest}`;

  it("has its first byte at the client before 5 % of 200 MB left the registry, and arrives whole", async () => {
    await using stack = new AsyncDisposableStack();
    let holdAtByte = 0.04 * big.size;
    const { fleet, front } = await startBefore(stack, 1, { holdAtByte: () => holdAtByte });
    let sentAtFirstByte = Infinity;
    const delivery = await receive(layerUrl(fleet, 0, big), () => {
      sentAtFirstByte = front.requests.reduce((sum, each) => sum + each.bytesSent, 0);
      holdAtByte = Infinity;
    });
    expect(sentAtFirstByte).toBeLessThan(0.05 * big.size);
    expect(delivery).toEqual({
      status: 200,
      receivedBytes: big.size,
      digest: big.digest,
      failure: undefined,
    });
    expect(front.gets(`/v2/team/app/blobs/${big.digest}`)).toHaveLength(1);
  });

  it("never arrives whole from a registry that corrupts a byte, and the error says why", async () => {
    await using stack = new AsyncDisposableStack();
    const { fleet } = await startBefore(stack, 1, { corruptAtByte: CORRUPT_AT_BYTE });
    const delivery = await receive(layerUrl(fleet, 0));
    expect(delivery.receivedBytes).toBeLessThan(layer.size);
    expect(delivery.failure).toBeDefined();
    for (const { stderr } of [fleet.supernode, fleet.node(0).process]) {
      // What a process has written may still be on its way.
      await expect.poll(() => stderr.text).toContain("DIGEST_MISMATCH");
    }
  });

  it("arrives whole when the registry is good again after it was corrupt", async () => {
    await using stack = new AsyncDisposableStack();
    const { fleet, front } = await startBefore(stack, 2, { corruptAtByte: CORRUPT_AT_BYTE });
    const spoilt = await Promise.all([0, 1].map((node) => receive(layerUrl(fleet, node))));
    for (const delivery of spoilt) expect(delivery.receivedBytes).toBeLessThan(layer.size);
    front.spoilUpstream(() => ({}));
    // The supernode remembers for some seconds that the registry was corrupt.
    for (const node of [0, 1]) {
      await until(async () => (await receive(layerUrl(fleet, node))).digest === layer.digest, {
        what: `node ${node} to deliver the good layer`,
        timeoutMs: 60_000,
      });
    }
  });

  it("comes without a wrong byte although a peer's disk has rotted in every piece", async () => {
    await using stack = new AsyncDisposableStack();
    const { fleet } = await startBefore(stack, 2, {});
    expect((await receive(layerUrl(fleet, 0))).digest).toBe(layer.digest);
    await rot(fleet.node(0).dataDirectory, layer.size);
    expect((await receive(layerUrl(fleet, 1))).digest).toBe(layer.digest);
  });
});

async function receive(url: string, onFirstByte?: () => void): Promise<Delivery> {
  const hash = createHash("sha256");
  let receivedBytes = 0;
  let status = 0;
  let failure: unknown;
  try {
    const answer = await request(url, { headersTimeout: 60_000, bodyTimeout: 60_000 });
    status = answer.statusCode;
    for await (const chunk of answer.body) {
      if (receivedBytes === 0) onFirstByte?.();
      const bytes = chunk as Buffer;
      receivedBytes += bytes.length;
      hash.update(bytes);
    }
  } catch (error) {
    failure = error;
  }
  return { status, receivedBytes, digest: `sha256:${hash.digest("hex")}`, failure };
}

/** Flips a byte in each piece of the one file of this length under a directory. */
async function rot(directory: string, lengthBytes: number): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  let rottenCount = 0;
  for (const entry of entries.filter((each) => each.isFile())) {
    await using file = await open(join(entry.parentPath, entry.name), "r+");
    if ((await file.stat()).size !== lengthBytes) continue;
    rottenCount++;
    const byte = Buffer.alloc(1);
    for (let offset = 1000; offset < lengthBytes; offset += choosePieceLength(lengthBytes)) {
      await file.read(byte, 0, 1, offset);
      byte[0] = 0xff ^ (byte[0] ?? 0);
      await file.write(byte, 0, 1, offset);
    }
  }
  expect(rottenCount).toBe(1);
}
