import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledEnd } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import { SMALL_CONTENT_BYTES_MAX } from "./small-contents.ts";

/** Whether a task is one short piece that is not held: the way to the hashing thread and back costs more than the hashing. */
export function isSmall({ record, have }: StoredTask): boolean {
  const { lengthBytes, pieceLengthBytes } = record;
  if (lengthBytes === undefined || have.count > 0) return false;
  return lengthBytes <= Math.min(pieceLengthBytes, SMALL_CONTENT_BYTES_MAX);
}

/**
 * Reads such a task to its end and writes it. Calls `tooLong` for an origin that sends more than it said, and throws what
 * that returns; throws what the stream and the store throw.
 */
export async function readSmall(
  task: StoredTask,
  stream: OriginStream,
  { digest, tooLong }: { readonly digest: Digest | undefined; readonly tooLong: () => Error },
  signal: AbortSignal,
): Promise<{ readonly end: AssembledEnd; readonly content: Uint8Array }> {
  const { pieceLengthBytes, lengthBytes } = task.record;
  const content = new Uint8Array(lengthBytes!);
  let filledBytes = 0;
  for await (const chunk of stream.chunks(signal)) {
    if (filledBytes + chunk.length > content.length) throw tooLong();
    content.set(chunk, filledBytes);
    filledBytes += chunk.length;
  }
  const assembler = new PieceAssembler({ pieceLengthBytes, lengthBytes, digest });
  assembler.push(content.subarray(0, filledBytes));
  const end = assembler.finish();
  if (filledBytes > 0) await task.write(0, content.subarray(0, filledBytes));
  return { end, content };
}
