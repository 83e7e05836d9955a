import { createCipheriv, createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Bytes that look random, do not compress, and are the same for the same `seed`: chunks of at most 1 MiB,
 * `lengthBytes` in all.
 */
export function* seededChunks(seed: number | string, lengthBytes: number): Generator<Buffer> {
  const key = createHash("sha256").update(`seed ${seed}`).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let offset = 0; offset < lengthBytes; offset += CHUNK_BYTES) {
    yield cipher.update(zeros.subarray(0, Math.min(CHUNK_BYTES, lengthBytes - offset)));
  }
}

/** The same bytes in one buffer. */
export function seededBytes(seed: number | string, lengthBytes: number): Buffer {
  return Buffer.concat([...seededChunks(seed, lengthBytes)]);
}

/** Writes such bytes to a file and returns their digest as `sha256:…`. */
export async function writeSeededFile(
  path: string,
  seed: number | string,
  lengthBytes: number,
): Promise<string> {
  await using file = await open(path, "w");
  const hash = createHash("sha256");
  for (const chunk of seededChunks(seed, lengthBytes)) {
    hash.update(chunk);
    await file.write(chunk);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** The digest of a file's content as `sha256:…`. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    hash.update(chunk as Buffer);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** The digest of bytes as `sha256:…`. */
export function bytesDigest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
