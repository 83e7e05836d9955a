import { afterEach, beforeEach, expect, it } from "vitest";

import { openMemoryStore } from "../../store/memory-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import { testBytes, testCertificate, testTask } from "../../test/conformance/piece-fixture.ts";
import { SMALL_CONTENTS_MAX, SMALL_LENGTH_BYTES_MAX, SmallContents } from "./small-contents.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";

let store: PieceStore;

beforeEach(() => void (store = openMemoryStore()));
afterEach(async () => await store[Symbol.asyncDispose]());

/** A session of a task that is complete. */
async function completeSession(word: string, lengthBytes = 1000): Promise<TaskSession> {
  const stored = await store.open({ ...testTask(word, 1), lengthBytes });
  const session = sessionOf(stored);
  for (let piece = 0; !session.isFull; piece++) {
    const span = session.span(piece);
    const bytes = testBytes(piece, span.lengthBytes);
    stored.reserve(span.lengthBytes);
    await stored.write(span.offsetBytes, bytes);
    session.commit(piece, testCertificate(bytes), "seed");
  }
  stored.setProven();
  return session;
}

it("reads a small content once and gives it from memory afterwards", async () => {
  const contents = new SmallContents();
  const session = await completeSession("small");
  const first = await contents.of(session);
  expect(first).toMatchObject({ source: "disk", bytes: testBytes(0, 1000) });
  const second = await contents.of(session);
  expect(second?.source).toBe("memory");
  expect(second?.bytes).toBe(first?.bytes);
});

it("reads it again for another session of the task: it may have been thrown away meanwhile", async () => {
  const contents = new SmallContents();
  await contents.of(await completeSession("again"));
  const next = await completeSession("again");
  expect((await contents.of(next))?.source).toBe("disk");
});

it("leaves long contents, and those that are not complete, alone", async () => {
  const contents = new SmallContents();
  const longest = await completeSession("longest", SMALL_LENGTH_BYTES_MAX);
  expect((await contents.of(longest))?.bytes).toHaveLength(SMALL_LENGTH_BYTES_MAX);
  const long = await completeSession("long", SMALL_LENGTH_BYTES_MAX + 1);
  expect(await contents.of(long)).toBeUndefined();
  const discarded = await completeSession("discarded");
  await discarded.stored.discard();
  expect(await contents.of(discarded)).toBeUndefined();
});

it("forgets the one used longest ago when there are too many", async () => {
  const contents = new SmallContents();
  const sessions: TaskSession[] = [];
  for (let i = 0; i <= SMALL_CONTENTS_MAX; i++)
    sessions.push(await completeSession(`many ${i}`, 10));
  for (const session of sessions) await contents.of(session);
  expect((await contents.of(sessions.at(-1)!))?.source).toBe("memory");
  expect((await contents.of(sessions[0]!))?.source).toBe("disk");
});
