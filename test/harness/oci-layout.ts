import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { bytesDigest } from "./seeded-bytes.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

/** A directory of the OCI image layout: blobs by digest, and an index.json that names the tagged images. */
export class OciLayout {
  readonly path: string;
  #temporaryCount = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(path: string): Promise<OciLayout> {
    await mkdir(join(path, "blobs", "sha256"), { recursive: true });
    await writeFile(join(path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    return new OciLayout(path);
  }

  /** Where a blob lies, whether it is there or not. */
  blobPath(digest: string): string {
    return join(this.path, "blobs", ...digest.split(":"));
  }

  /** Stores a document as JSON text. */
  async addJson(mediaType: string, document: unknown): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = bytesDigest(bytes);
    await writeFile(this.blobPath(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** Stores what a stream gives; nothing is kept in memory. */
  async addStream(mediaType: string, source: AsyncIterable<Uint8Array>): Promise<Descriptor> {
    const temporaryPath = join(this.path, `incoming-${this.#temporaryCount++}`);
    const hash = createHash("sha256");
    const counter = { bytes: 0 };
    await pipeline(measured(source, hash, counter), createWriteStream(temporaryPath));
    const digest = `sha256:${hash.digest("hex")}`;
    await rename(temporaryPath, this.blobPath(digest));
    return { mediaType, digest, size: counter.bytes };
  }

  /** Names an image, so that tools find it as `oci:PATH:TAG`. */
  async tag(image: Descriptor, name: string): Promise<void> {
    const entry = { ...image, annotations: { "org.opencontainers.image.ref.name": name } };
    const index = { schemaVersion: 2, manifests: [entry] };
    await writeFile(join(this.path, "index.json"), JSON.stringify(index));
  }
}

/** Passes bytes on unchanged while hashing and counting them. */
export async function* measured(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
  counter: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    counter.bytes += chunk.length;
    yield chunk;
  }
}
