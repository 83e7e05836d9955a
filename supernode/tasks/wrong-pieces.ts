import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { SeedDeps } from "../seed/seed-request.ts";
import type { RecentMismatches } from "./recent-mismatches.ts";
import type { TaskMembers } from "./task-members.ts";

/** Whether an error says that pieces handed out so far are wrong, or of a version that will never be whole. */
export function areWrong(error: unknown): error is ProtocolError {
  if (!(error instanceof ProtocolError)) return false;
  return error.code === "DIGEST_MISMATCH" || error.code === "ORIGIN_CHANGED";
}

/** Deletes the pieces that a reading ended with, when they are wrong, and remembers whose bytes they were. */
export async function dropWrongPieces(
  parts: {
    readonly seed: SeedDeps;
    readonly mismatches: RecentMismatches;
    readonly taskId: TaskId;
    readonly members: TaskMembers;
  },
  error: unknown,
): Promise<void> {
  const { seed, mismatches, taskId, members } = parts;
  if (!areWrong(error)) return;
  if (error.code === "DIGEST_MISMATCH") {
    for (const { origin } of members.joins())
      if (origin) mismatches.note(taskId, origin.url, error);
  }
  seed.small.forget(taskId);
  await seed.records.deleteResumeVersion(taskId);
  await seed.store
    .delete(taskId)
    .catch((err: unknown) => seed.log.error({ err }, "wrong pieces could not be deleted"));
}
