import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { Digest } from "../../protocol/digest.ts";
import { WHOLE_PIECES_MAX } from "../../protocol/limits.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledEnd, AssembledPiece } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import { SMALL_CONTENT_BYTES_MAX } from "./small-contents.ts";

interface SmallReadingParts {
  readonly digest: Digest | undefined;
  readonly tooLong: () => Error;
  readonly onPiece: (piece: AssembledPiece) => void;
}

/** Whether a task is short and nothing of it is held: the way to the hashing thread and back costs more than the hashing. */
export function isSmall({ record, have }: StoredTask): boolean {
  const { lengthBytes, pieceLengthBytes } = record;
  if (lengthBytes === undefined || have.count > 0) return false;
  if (lengthBytes > SMALL_CONTENT_BYTES_MAX) return false;
  return pieceCount(lengthBytes, pieceLengthBytes) <= WHOLE_PIECES_MAX;
}

/**
 * Reads such a task to its end and writes it; hands out all pieces but the last, which is in what is returned, as they come. Calls
 * `tooLong` for an origin that sends more than it said, and throws what that returns; throws what the stream and the store throw.
 */
export async function readSmall(
  task: StoredTask,
  stream: OriginStream,
  { digest, tooLong, onPiece }: SmallReadingParts,
  signal: AbortSignal,
): Promise<{ readonly end: AssembledEnd; readonly content: Uint8Array }> {
  const { pieceLengthBytes, lengthBytes } = task.record;
  const content = new Uint8Array(lengthBytes!);
  const assembler = new PieceAssembler({ pieceLengthBytes, lengthBytes, digest });
  const write = async (pieces: readonly AssembledPiece[]): Promise<void> => {
    for (const { offsetBytes, lengthBytes: length } of pieces) {
      await task.write(offsetBytes, content.subarray(offsetBytes, offsetBytes + length));
    }
  };
  let filledBytes = 0;
  for await (const chunk of stream.chunks(signal)) {
    if (filledBytes + chunk.length > content.length) throw tooLong();
    content.set(chunk, filledBytes);
    filledBytes += chunk.length;
    const pieces = assembler.push(chunk);
    await write(pieces);
    pieces.forEach(onPiece);
  }
  const end = assembler.finish();
  await write(end.pieces);
  return { end, content };
}
