import { writeSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import {
  PIECE_LENGTH_BYTES,
  testBytes,
  testCertificate,
  testTask,
} from "../../test/conformance/piece-fixture.ts";
import { Sessions } from "./sessions.ts";
import { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";
import { Uploads } from "./uploads.ts";

const COUNT = 8;
let store: PieceStore;
let keeper: TaskKeeper;
let session: TaskSession;
let uploads: Uploads;

beforeEach(async () => {
  store = openMemoryStore();
  const sessions = new Sessions();
  keeper = new TaskKeeper({
    store,
    sessions,
    driver: { open: () => undefined, close: async () => undefined },
    clock: systemClock,
    log: silentLog,
    sendToSupernode: () => true,
  });
  const stored = await store.open(testTask("uploads", COUNT));
  session = sessionOf(stored, { number: sessions.allot() });
  sessions.add(session);
  for (let piece = 0; piece < COUNT - 1; piece++) {
    const bytes = testBytes(piece, session.span(piece).lengthBytes);
    stored.reserve(bytes.length);
    await stored.write(piece * PIECE_LENGTH_BYTES, bytes);
    session.commit(piece, testCertificate(bytes), "seed");
  }
  uploads = new Uploads({
    driver: { nowMs: 0, swarm: { onUploadStart: () => true, onUploadEnd: () => undefined } },
    keeper,
    neighbours: { byNode: () => undefined },
    metrics: { pieceSent: () => undefined },
    gate: { admits: () => true },
  });
});

afterEach(async () => {
  await keeper.close();
  await store[Symbol.asyncDispose]();
});

const ask = async (pieceIndex: number) =>
  await uploads.begin({
    taskId: session.taskId,
    pieceIndex,
    nodeId: undefined,
    admission: undefined,
  });

it("sends a piece of a task that is not complete, to a few strangers at once", async () => {
  session.age();
  session.age();
  const answers = await Promise.all(Array.from({ length: 5 }, (_, piece) => ask(piece)));
  expect(answers.map((answer) => typeof answer)).toEqual([
    ...Array.from({ length: 4 }, () => "object"),
    "string",
  ]);
  for (const answer of answers) {
    if (typeof answer === "string") expect(answer).toBe("NO_SLOT");
    else answer.ended({ sentBytes: 1, durationMs: 1, isComplete: true, status: 200 });
  }
  expect(await ask(COUNT - 1)).toBe("NOT_FOUND");
  expect(await ask(5)).toHaveProperty("stored");
});

it("sends no piece whose bits were flipped on the disk, though the task is not complete, and keeps no slot for it", async () => {
  writeSync(session.stored.fd, Buffer.of(0xff, 0xff), 0, 2, 3 * PIECE_LENGTH_BYTES + 9);
  session.age();
  session.age();
  expect(await ask(3)).toBe("NOT_FOUND");
  expect(session.failure).toBeDefined();
  expect(store.damagedPieces).toBe(1);
  for (let piece = 0; piece < 6; piece++) expect(await ask(piece)).toBe("NOT_FOUND");
});
