import { createHash } from "node:crypto";
import { once, type EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { createGzip, createZstdCompress, type Gzip, type ZstdCompress } from "node:zlib";
import { pack, type Pack } from "tar-stream";
import { measured, type Descriptor, type OciLayout } from "./oci-layout.ts";
import { seededChunks } from "./seeded-bytes.ts";

export type Compression = "gzip" | "zstd" | "none";

/** What a layer holds: one file, either of seeded bytes or with a given content. */
export interface LayerSpec {
  readonly name: string;
  readonly compression: Compression;
  readonly content:
    | { readonly seed: number | string; readonly lengthBytes: number }
    | { readonly bytes: Uint8Array };
  /** Permissions of the file; 0o644 when left out. */
  readonly mode?: number;
}

export interface BuiltLayer {
  readonly descriptor: Descriptor;
  /** Digest of the tar archive before compression. */
  readonly diffId: string;
}

const MEDIA_TYPES: Readonly<Record<Compression, string>> = {
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  none: "application/vnd.oci.image.layer.v1.tar",
};

/** Builds one layer into the layout, as a stream. The same spec gives the same digest. */
export async function buildLayer(layout: OciLayout, spec: LayerSpec): Promise<BuiltLayer> {
  const diffHash = createHash("sha256");
  const archive = pack();
  const filled = fill(archive, spec);
  const plain = measured(archive as AsyncIterable<Uint8Array>, diffHash, { bytes: 0 });
  const compressed = compress(plain, spec.compression);
  const descriptor = await layout.addStream(MEDIA_TYPES[spec.compression], compressed);
  await filled;
  return { descriptor, diffId: `sha256:${diffHash.digest("hex")}` };
}

function compress(
  plain: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncIterable<Uint8Array> {
  if (compression === "none") return plain;
  const compressor: Gzip | ZstdCompress =
    compression === "gzip" ? createGzip({ level: 1 }) : createZstdCompress();
  return Readable.from(plain).pipe(compressor) as AsyncIterable<Uint8Array>;
}

async function fill(archive: Pack, spec: LayerSpec): Promise<void> {
  const { content } = spec;
  const [chunks, size] =
    "bytes" in content
      ? [[content.bytes], content.bytes.length]
      : [seededChunks(content.seed, content.lengthBytes), content.lengthBytes];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const entry = archive.entry(
    { name: spec.name, size, mode: spec.mode ?? 0o644, mtime: new Date(0) },
    (error) => (error ? reject(error) : resolve()),
  );
  for (const chunk of chunks) {
    if (!entry.write(chunk)) await once(entry as unknown as EventEmitter, "drain");
  }
  entry.end(Buffer.alloc(0));
  await promise;
  archive.finalize();
}
