import type { Digest } from "../../protocol/digest.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import { DigestCheck } from "../../platform/digest-check.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import type { TaskFrame } from "./joins.ts";
import type { TaskSession } from "./task-session.ts";

/**
 * Stores a small task that came whole with the supernode's answer, which proves it. Returns whether it did; content that
 * does not fit the task is ignored, for it can be fetched like any other.
 */
export async function storeInlineContent(
  session: TaskSession,
  frame: TaskFrame | undefined,
): Promise<boolean> {
  const { content, certificate } = frame ?? {};
  if (!content || !certificate || session.stored.have.has(0)) return false;
  if (content.length !== session.lengthBytes || session.pieceCount !== 1) return false;
  const digest = taskDigest(session.taskId);
  if (digest && !isContentOf(digest, content)) return false;
  try {
    session.stored.reserve(content.length);
    await session.stored.write(0, content);
  } catch (error) {
    session.stored.release(content.length);
    if (!(error instanceof StorageFullError)) throw error;
    // It goes the way of every piece, and fails the task there if it must.
    return false;
  }
  session.commit(0, Uint8Array.from(certificate), "seed");
  session.stored.setProven();
  return true;
}

/** Whether a content has the digest that its task is named by. */
export function isContentOf(digest: Digest, content: Uint8Array): boolean {
  const check = new DigestCheck(digest);
  check.update(content);
  return check.finish().matches;
}
