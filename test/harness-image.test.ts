import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { buildLayer, type LayerSpec } from "./harness/image-layer.ts";
import { blobsOf, buildImage } from "./harness/image.ts";
import { OciLayout } from "./harness/oci-layout.ts";
import { bytesDigest, fileDigest, seededBytes } from "./harness/seeded-bytes.ts";
import { TemporaryDirectory } from "./harness/temporary-directory.ts";

const spec: LayerSpec = {
  name: "data.bin",
  compression: "gzip",
  content: { seed: "layer", lengthBytes: 1_500_000 },
};

describe("a built image", () => {
  it("has layers whose digests and archives are what they are said to be", async () => {
    await using directory = await TemporaryDirectory.create("layer");
    const layout = await OciLayout.create(directory.path);
    for (const compression of ["gzip", "zstd"] as const) {
      const layer = await buildLayer(layout, { ...spec, compression });
      const path = layout.blobPath(layer.descriptor.digest);
      expect(await fileDigest(path)).toBe(layer.descriptor.digest);
      expect((await readFile(path)).length).toBe(layer.descriptor.size);
      const decompress = compression === "gzip" ? createGunzip() : createZstdDecompress();
      const archive = createReadStream(path).pipe(decompress);
      const hash = createHash("sha256");
      archive.on("data", (chunk: Buffer) => hash.update(chunk));
      const files: [string, string][] = [];
      for await (const entry of archive.pipe(extract())) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
        files.push([entry.header.name, bytesDigest(Buffer.concat(chunks))]);
      }
      expect(files).toEqual([["data.bin", bytesDigest(seededBytes("layer", 1_500_000))]]);
      expect(`sha256:${hash.digest("hex")}`).toBe(layer.diffId);
    }
  });

  it("is the same for the same seed, and its platforms share layers", async () => {
    await using first = await buildImage({ shared: [spec] });
    await using second = await buildImage({ shared: [spec] });
    expect(second.index.digest).toBe(first.index.digest);
    expect(first.own.layers[0]).toEqual(first.other.layers[0]);
    expect(first.own.layers[1]).not.toEqual(first.other.layers[1]);
    for (const blob of [...blobsOf(first.own), ...blobsOf(first.other)]) {
      expect(await fileDigest(first.layout.blobPath(blob.digest))).toBe(blob.digest);
    }
  });
});
