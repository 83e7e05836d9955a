import { expect, it } from "vitest";

import { openMemoryStore } from "../../store/memory-store.ts";
import { putPieces, testBytes, testTask } from "../../test/conformance/piece-fixture.ts";
import { ArrivedPieces } from "./arrived-pieces.ts";
import { LocalTasks } from "./local-tasks.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";

const never = new AbortController().signal;

it("gives small contents from memory for as long as the task is held and sound, and counts that as use", async () => {
  await using store = openMemoryStore();
  const stored = await store.open({ ...testTask("small", 1), lengthBytes: 500 });
  await putPieces(stored, 0);
  stored.setProven();
  const session = sessionOf(stored);
  let awake: TaskSession | undefined = session;
  const touched: TaskSession[] = [];
  const moves: TaskSession[] = [];
  const local = new LocalTasks({
    keeper: {
      wake: async () => awake,
      isSound: async () => true,
      touch: (each) => void touched.push(each),
      readerLeft: (each) => void touched.push(each),
    },
    driver: { readersMoved: (each) => void moves.push(each) },
    arrived: new ArrivedPieces(),
  });
  const { taskId } = session;
  expect(await local.readSmall(taskId)).toMatchObject({ source: "disk", bytes: testBytes(0, 500) });
  expect(await local.readSmall(taskId)).toMatchObject({ source: "memory" });
  expect(touched).toEqual([session, session]);

  await using handle = await local.open(taskId);
  const parts: Uint8Array[] = [];
  for await (const part of handle!.read({ firstByte: 100 }, never)) parts.push(Buffer.from(part));
  expect(Buffer.concat(parts)).toEqual(Buffer.from(testBytes(0, 500).subarray(100)));
  // The swarm has nothing to fetch for it.
  expect(moves).toEqual([]);

  // What its keeper finds damaged is not given, though it is still in memory.
  awake = undefined;
  expect(await local.readSmall(taskId)).toBeUndefined();
  expect(await local.open(taskId)).toBeUndefined();
});
