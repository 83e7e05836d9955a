import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

import { pieceCount, pieceSpan } from "../../protocol/piece-table.ts";
import { seededChunks } from "../../test/harness/seeded-bytes.ts";

/** The content that every row moves, in a file. */
export interface BenchContent {
  readonly path: string;
  readonly lengthBytes: number;
  readonly pieceLengthBytes: number;
  /** Of the whole, `sha256:…`. */
  readonly digest: string;
  /** Of each piece, in hexadecimal. */
  readonly pieceSha256s: readonly string[];
}

/** Writes the content to a file and hashes it. */
export async function makeContent(
  path: string,
  shape: { readonly seed: number; readonly lengthBytes: number; readonly pieceLengthBytes: number },
): Promise<BenchContent> {
  const { seed, lengthBytes, pieceLengthBytes } = shape;
  const whole = createHash("sha256");
  const pieces = Array.from({ length: pieceCount(lengthBytes, pieceLengthBytes) }, () =>
    createHash("sha256"),
  );
  await using file = await open(path, "w", 0o644);
  let offsetBytes = 0;
  for (const chunk of seededChunks(`transfer ${seed}`, lengthBytes)) {
    await file.write(chunk);
    whole.update(chunk);
    for (let done = 0; done < chunk.length;) {
      const index = Math.floor((offsetBytes + done) / pieceLengthBytes);
      const span = pieceSpan(index, lengthBytes, pieceLengthBytes);
      const end = Math.min(chunk.length, span.offsetBytes + span.lengthBytes - offsetBytes);
      pieces[index]!.update(chunk.subarray(done, end));
      done = end;
    }
    offsetBytes += chunk.length;
  }
  return {
    path,
    lengthBytes,
    pieceLengthBytes,
    digest: `sha256:${whole.digest("hex")}`,
    pieceSha256s: pieces.map((hash) => hash.digest("hex")),
  };
}
