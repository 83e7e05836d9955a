import { read as readFile } from "node:fs";
import { promisify } from "node:util";

import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { nextGap } from "./piece-gaps.ts";
import { rehash } from "./rehash.ts";
import type { PartReading } from "./run-reading.ts";
import { commitUnproven, readRun } from "./run-reading.ts";
import { checkEnd } from "./seed-opening.ts";
import type { SeedDeps, SeedRequest } from "./seed-request.ts";
import { TaskCommits } from "./task-commits.ts";

const readAt = promisify(readFile);

/**
 * Reads from the origin what neither the seed nor a member of the task holds, run by run; `opened` may stand at the first. Returns whether the seed has
 * the whole then and has proven it. Throws as `runSeed` does.
 */
export async function readGaps(
  deps: SeedDeps,
  request: SeedRequest,
  reading: PartReading,
  opened: OriginStream,
): Promise<boolean> {
  const { task } = reading;
  const { lengthBytes, pieceLengthBytes } = task.record;
  const count = pieceCount(lengthBytes!, pieceLengthBytes);
  await request.elsewhere.told(reading.signal);
  for (;;) {
    let last: AssembledPiece | undefined;
    let from = 0;
    for (;;) {
      const run = nextGap(
        last ? count - 1 : count,
        from,
        task.have,
        request.elsewhere.of(task.record),
      );
      if (!run) break;
      task.reserve(run.pieceCount * pieceLengthBytes);
      last = (await readRun(deps, request, reading, run, opened)) ?? last;
      from = run.firstPiece + run.pieceCount;
    }
    // Another reading may have brought it meanwhile.
    if (last && task.have.has(last.pieceIndex)) last = undefined;
    const isWhole = task.have.count + (last ? 1 : 0) === count;
    if (!isWhole) {
      if (last) commitUnproven(deps, reading, last);
      return false;
    }
    if (await prove(deps, request, reading, last)) return true;
  }
}

/**
 * Hashes the whole, `last` being its last piece where that is written and not yet held. Returns false when a piece
 * turned out to be damaged on the disk; it is held no longer.
 */
async function prove(
  deps: SeedDeps,
  request: SeedRequest,
  { task, sink, signal }: PartReading,
  last: AssembledPiece | undefined,
): Promise<boolean> {
  const { taskId, pieceLengthBytes, lengthBytes } = task.record;
  const digest = taskDigest(taskId);
  if (digest) {
    const shape = { pieceLengthBytes, lengthBytes, digest };
    await using assembly = deps.assemblies.begin(task, shape, () => undefined);
    const endOffset = last?.offsetBytes ?? lengthBytes!;
    if ((await rehash(task, assembly, endOffset, signal)) < endOffset) return false;
    if (last) {
      const bytes = new Uint8Array(last.lengthBytes);
      await readAt(task.fd, bytes, 0, bytes.length, last.offsetBytes);
      await assembly.push(bytes);
    }
    checkEnd(request, task.record, await assembly.finish());
  }
  const { signer } = deps;
  if (last) new TaskCommits({ task, signer, proof: undefined, sink }).commit(last);
  task.setProven();
  return true;
}
