import type { BuiltImage } from "../../test/harness/image.ts";
import { blobsOf, buildImage } from "../../test/harness/image.ts";
import type { LayerSpec } from "../../test/harness/image-layer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Six layers as images have them: a few large ones, and small ones on top. */
const LAYERS: readonly LayerSpec[] = [
  layer("base", 16 * MIB, "gzip"),
  layer("runtime", 12 * MIB, "zstd"),
  layer("libraries", 8 * MIB, "gzip"),
  layer("assets", 5 * MIB, "none"),
  layer("app", MIB, "gzip"),
  layer("settings", 4 * KIB, "gzip"),
];

/** Builds the image that the demo distributes; the same on every run. */
export async function buildDemoImage(): Promise<BuiltImage> {
  return await buildImage({ shared: LAYERS });
}

/** All bytes that a pull of the image brings: index, manifest, config and layers. */
export function pulledBytes(image: BuiltImage): number {
  const descriptors = [image.index, image.own.manifest, ...blobsOf(image.own)];
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}

function layer(
  name: string,
  lengthBytes: number,
  compression: LayerSpec["compression"],
): LayerSpec {
  return { name: `${name}.bin`, compression, content: { seed: `demo ${name}`, lengthBytes } };
}
