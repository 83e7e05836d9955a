import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import type { PieceRun } from "./piece-gaps.ts";
import { readOn } from "./read-on.ts";
import { agreeOnLength, openAt, partOf, tooLong } from "./seed-opening.ts";
import type { SeedDeps, SeedRequest, SeedSink } from "./seed-request.ts";
import { TaskCommits } from "./task-commits.ts";

/** What a reading of a part works on. */
export interface PartReading {
  /** Its length is known. */
  readonly task: StoredTask;
  readonly sink: SeedSink;
  readonly signal: AbortSignal;
}

/**
 * Reads a run of pieces from the origin and hands them out. An origin without ranges sends everything, and all that is
 * not held is taken. `opened` is used where it stands at the run. Returns the last piece of a content with a digest, written and not yet committed, when it came:
 * whoever has that one may take the whole for proven.
 *
 * Throws as `runSeed` does.
 */
export async function readRun(
  deps: SeedDeps,
  request: SeedRequest,
  reading: PartReading,
  run: PieceRun,
  opened?: OriginStream,
): Promise<AssembledPiece | undefined> {
  const { task, sink, signal } = reading;
  const { pieceLengthBytes, lengthBytes } = task.record;
  const part = partOf(task.record, run);
  const { startOffset } = part;
  // Parts of a content with a digest fit together whatever the origin calls its version.
  const isDigestTask = taskDigest(request.taskId) !== undefined;
  const version = isDigestTask ? undefined : request.origin.version;
  const isOpened =
    opened?.startOffset === startOffset && opened.endOffset === part.endOffset && !opened.isRead;
  using stream = isOpened ? opened : await openAt(deps, request, sink, part, version, signal);
  if (stream.isWithoutRanges) request.onWithoutRanges();
  agreeOnLength(task, stream);
  const { signer } = deps;
  const commits = new TaskCommits({ task, signer, proof: undefined, sink });
  await using assembly = deps.assemblies.begin(
    task,
    { startOffset, pieceLengthBytes, lengthBytes, digest: undefined },
    (piece) => commits.commit(piece),
  );
  try {
    const isAll = await readOn(stream, assembly, lengthBytes!, signal);
    if (!isAll) throw tooLong(request, task.record);
  } catch (error) {
    if (!signal.aborted) await assembly.settled();
    throw error;
  }
  const [last] = (await assembly.finish()).pieces;
  if (!last || task.have.has(last.pieceIndex)) return undefined;
  if (isDigestTask) return last;
  commits.commit(last);
  return undefined;
}

/**
 * Hands out the last piece of a content whose digest is not proven. It is certified as a node would do it: whoever
 * gets it knows that the whole must still be hashed.
 */
export function commitUnproven(
  { signer }: SeedDeps,
  { task, sink }: PartReading,
  { pieceIndex, lengthBytes, sha256 }: AssembledPiece,
): void {
  const identity = { taskId: task.record.taskId, pieceIndex, lengthBytes };
  const endorsement = signer.endorse(signer.publicKey);
  task.commit(pieceIndex, signer.certifyPieceAsNode(identity, sha256, endorsement));
  sink.pieceReady(pieceIndex);
}
