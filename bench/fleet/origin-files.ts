import { createHash } from "node:crypto";
import { open, truncate } from "node:fs/promises";
import { crc32 } from "node:zlib";

import { seededChunks } from "../../test/harness/seeded-bytes.ts";

/** A file at the origin, and what everybody who fetches it must come to. */
export interface OriginFile {
  readonly name: string;
  readonly lengthBytes: number;
  readonly digest: string;
  /** Cheap enough to be computed of the content while it is measured. */
  readonly crc32: number;
}

/** Writes files of these lengths, named after `label`, into the directory; the same `seed` gives the same content. */
export async function writeOriginFiles(
  directory: string,
  label: string,
  lengthsBytes: readonly number[],
  seed: number,
  signal: AbortSignal,
): Promise<readonly OriginFile[]> {
  const files: OriginFile[] = [];
  for (const [index, lengthBytes] of lengthsBytes.entries()) {
    const name = `${label}-${index}.bin`;
    await using handle = await open(`${directory}/${name}`, "wx");
    const hash = createHash("sha256");
    let checksum = 0;
    for (const chunk of seededChunks(`${label} ${seed} ${index}`, lengthBytes)) {
      signal.throwIfAborted();
      hash.update(chunk);
      checksum = crc32(chunk, checksum);
      await handle.write(chunk);
    }
    files.push({ name, lengthBytes, digest: `sha256:${hash.digest("hex")}`, crc32: checksum });
  }
  return files;
}

/** Makes a file of zeros that takes no room on the disk. */
export async function writeHollowFile(path: string, lengthBytes: number): Promise<void> {
  await using handle = await open(path, "wx");
  await handle.close();
  await truncate(path, lengthBytes);
}
