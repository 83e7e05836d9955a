import { arch } from "node:process";
import { buildLayer, type BuiltLayer, type LayerSpec } from "./image-layer.ts";
import { OciLayout, type Descriptor } from "./oci-layout.ts";
import { buildStaticProgram, type StaticProgram } from "./static-program.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";

export interface ImageSpec {
  /** Layers that both platforms have, lowest first. */
  readonly shared: readonly LayerSpec[];
  /** The text that a container of this image prints; without it the image holds no program. */
  readonly prints?: string;
}

export interface PlatformImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** An image of two platforms in an OCI layout on disk, gone when disposed. */
export interface BuiltImage extends AsyncDisposable {
  readonly layout: OciLayout;
  readonly index: Descriptor;
  /** What this machine would pull. */
  readonly own: PlatformImage;
  readonly other: PlatformImage;
}

/** The architecture of this machine in the words of container images. */
export const OWN_ARCHITECTURE = arch === "x64" ? "amd64" : arch;
const OTHER_ARCHITECTURE = OWN_ARCHITECTURE === "amd64" ? "arm64" : "amd64";

/** Builds the image: an index over two platforms that share all layers but one. */
export async function buildImage(spec: ImageSpec): Promise<BuiltImage> {
  const directory = await TemporaryDirectory.create("image");
  try {
    const layout = await OciLayout.create(directory.path);
    const shared: BuiltLayer[] = [];
    for (const layer of spec.shared) shared.push(await buildLayer(layout, layer));
    const program = spec.prints === undefined ? undefined : await buildStaticProgram(spec.prints);
    const ownLayer = await buildLayer(layout, program ? programLayer(program) : textLayer("own"));
    const otherLayer = await buildLayer(layout, textLayer("other"));
    const entrypoint = program?.entrypoint ?? ["/none"];
    const own = await addPlatform(layout, OWN_ARCHITECTURE, entrypoint, [...shared, ownLayer]);
    const other = await addPlatform(layout, OTHER_ARCHITECTURE, entrypoint, [
      ...shared,
      otherLayer,
    ]);
    const manifests = [own.manifest, other.manifest];
    const index = await layout.addJson(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
    await layout.tag(index, "v1");
    return {
      layout,
      index,
      own,
      other,
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

/** All blobs that a pull for one platform brings: its config and layers. */
export function blobsOf(image: PlatformImage): readonly Descriptor[] {
  return [image.config, ...image.layers];
}

function programLayer(program: StaticProgram): LayerSpec {
  return {
    name: program.name,
    compression: "gzip",
    mode: 0o755,
    content: { bytes: program.bytes },
  };
}

function textLayer(text: string): LayerSpec {
  return { name: "platform.txt", compression: "gzip", content: { bytes: Buffer.from(text) } };
}

async function addPlatform(
  layout: OciLayout,
  architecture: string,
  entrypoint: readonly string[],
  layers: readonly BuiltLayer[],
): Promise<PlatformImage> {
  const config = await layout.addJson(CONFIG, {
    architecture,
    os: "linux",
    config: { Entrypoint: entrypoint, WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
  });
  const descriptors = layers.map((layer) => layer.descriptor);
  const manifest = await layout.addJson(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: descriptors,
  });
  return {
    manifest: { ...manifest, platform: { os: "linux", architecture } },
    config,
    layers: descriptors,
  };
}
