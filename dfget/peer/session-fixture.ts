import type { StoredTask } from "../../store/piece-store.ts";
import { TaskSession } from "./task-session.ts";

type SessionInit = ConstructorParameters<typeof TaskSession>[0];

/** A session for tests of a task in a store: number 1, with no origin, of no version that is known. */
export function sessionOf(stored: StoredTask, more: Partial<SessionInit> = {}): TaskSession {
  return new TaskSession({
    number: 1,
    taskId: stored.record.taskId,
    stored,
    origin: undefined,
    identity: undefined,
    mayUseOrigin: false,
    version: { lengthBytes: undefined, etag: undefined, lastModified: undefined },
    ...more,
  });
}
