import { writeFile } from "node:fs/promises";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { BuiltImage } from "../../test/harness/image.ts";
import { OWN_ARCHITECTURE, blobsOf, buildImage } from "../../test/harness/image.ts";
import { pulledBytes } from "./demo-image.ts";
import { DemoRegistry } from "./demo-registry.ts";
import { pullImage } from "./pull-client.ts";

const { signal } = new AbortController();
let image: BuiltImage;
let registry: DemoRegistry;

beforeAll(async () => {
  const content = { seed: 1, lengthBytes: 300_000 };
  image = await buildImage({ shared: [{ name: "f", compression: "gzip", content }] });
  registry = await DemoRegistry.start(image, 1e9);
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await image[Symbol.asyncDispose]();
});

function place() {
  const { authority } = registry;
  return { authority, repository: "demo/app", tag: "1", architecture: OWN_ARCHITECTURE };
}

describe("the registry and the client of the demo", () => {
  it("move a whole image, each blob by one request", async () => {
    expect(await pullImage(place(), signal)).toBe(pulledBytes(image));
    const { sentBytes, blobRequests } = registry.takeFigures();
    expect(sentBytes).toBe(pulledBytes(image));
    const digests = blobsOf(image.own).map(({ digest }) => digest);
    expect(blobRequests).toEqual(new Map(digests.map((digest) => [digest, 1])));
    expect(registry.takeFigures().sentBytes).toBe(0);
  });

  it("serve a range, and tell when there is none", async () => {
    const layer = image.own.layers[0]!;
    const url = `http://${registry.authority}/v2/demo/app/blobs/${layer.digest}`;
    const part = await request(url, { headers: { range: "bytes=10-19" } });
    expect(part.statusCode).toBe(206);
    expect(part.headers["content-range"]).toBe(`bytes 10-19/${layer.size}`);
    expect(await part.body.bytes()).toHaveLength(10);
    const none = await request(url, { headers: { range: `bytes=${layer.size}-` } });
    expect(none.statusCode).toBe(416);
    await none.body.dump();
    const missing = await request(`http://${registry.authority}/v2/demo/app/blobs/sha256:00`);
    expect(missing.statusCode).toBe(404);
    await missing.body.dump();
  });

  it("notice a blob that is not what its digest says", async () => {
    const layer = image.own.layers[0]!;
    await writeFile(image.layout.blobPath(layer.digest), Buffer.alloc(layer.size));
    await expect(pullImage(place(), signal)).rejects.toThrow(layer.digest);
  });
});
