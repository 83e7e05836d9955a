import { chmod, link, mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import {
  PIECE_LENGTH_BYTES,
  putPieces,
  readPiece,
  testBytes,
  testTask,
  testTaskId,
} from "../test/conformance/piece-fixture.ts";
import { openDiskStore } from "./disk-store.ts";
import type { PieceStore } from "./piece-store.ts";
import { taskFilePath } from "./task-file.ts";

const TASK = testTask("damage", 3);
let dataDir: string;
let store: PieceStore;

async function reopen(): Promise<void> {
  await store[Symbol.asyncDispose]();
  store = await openDiskStore({ dataDir, quotaBytes: 0, clock: systemClock, log: silentLog });
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "darter-damage-"));
  store = await openDiskStore({ dataDir, quotaBytes: 0, clock: systemClock, log: silentLog });
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

/** Flips a bit in the middle piece, behind the store's back. */
async function damage(): Promise<void> {
  await using file = await open(join(dataDir, "tasks", taskFilePath(testTaskId("damage"))), "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, PIECE_LENGTH_BYTES + 77);
  byte[0]! ^= 16;
  await file.write(byte, 0, 1, PIECE_LENGTH_BYTES + 77);
}

async function expectMiddleGone(): Promise<void> {
  using task = (await store.find(TASK.taskId))!;
  expect([...task.have]).toEqual([0, 2]);
  expect(task.isComplete).toBe(false);
  expect(task.record.isProven).toBe(false);
  expect(store.damagedPieces).toBe(1);
  for (const piece of [0, 2]) expect(await readPiece(task, piece)).toEqual(testBytes(piece));
  await putPieces(task, 1);
  expect(task.isComplete).toBe(true);
  expect(task.isUntouched).toBe(true);
}

async function fill(): Promise<void> {
  using task = await store.open(TASK);
  await putPieces(task, 0, 1, 2);
  task.setProven();
}

describe("a bit that somebody flips in the file of a complete task", () => {
  it("costs its piece when the task is opened the next time", async () => {
    await fill();
    await damage();
    await expectMiddleGone();
    using task = await store.find(TASK.taskId);
    expect(task?.isComplete).toBe(true);
    expect(store.damagedPieces).toBe(1);
  });

  it("is found while the task is open", async () => {
    await fill();
    using held = (await store.find(TASK.taskId))!;
    expect(held.isUntouched).toBe(true);
    expect(await held.audit()).toBe(0);
    await damage();
    expect(held.isUntouched).toBe(false);
    const [first, second] = await Promise.all([held.audit(), held.audit()]);
    expect([first, second]).toEqual([1, 1]);
    await expectMiddleGone();
  });

  it("is found after the store was closed and opened", async () => {
    await fill();
    await reopen();
    using task = await store.find(TASK.taskId);
    expect(task?.isComplete).toBe(true);
    task![Symbol.dispose]();
    await reopen();
    await damage();
    await expectMiddleGone();
  });

  it.each([
    ["when it is opened the next time", false],
    ["while it is open", true],
  ])(
    "costs all of a file with a second name, %s: nothing is written there",
    async (_when, isOpen) => {
      await fill();
      const path = join(dataDir, "tasks", taskFilePath(testTaskId("damage")));
      const other = join(dataDir, "other");
      await link(path, other);
      await chmod(path, 0o444);
      const held = isOpen ? await store.find(TASK.taskId) : undefined;
      await damage();
      const damaged = await readFile(other);
      if (held) expect(await held.audit()).toBe(1);
      else expect((await store.find(TASK.taskId))?.[Symbol.dispose]()).toBeUndefined();
      using task = await store.open(TASK);
      held?.[Symbol.dispose]();
      expect([...task.have]).toEqual([]);
      await putPieces(task, 0, 1, 2);
      for (const piece of [0, 1, 2]) expect(await readPiece(task, piece)).toEqual(testBytes(piece));
      expect((await readFile(other)).equals(damaged)).toBe(true);
      expect((await stat(other)).nlink).toBe(1);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    },
  );

  it("costs nothing when it was only touched", async () => {
    await fill();
    await damage();
    await damage();
    using task = (await store.find(TASK.taskId))!;
    expect(task.isComplete).toBe(true);
    expect(task.isUntouched).toBe(true);
    expect(store.damagedPieces).toBe(0);
  });

  it("is looked for to the end when the last handle goes meanwhile", async () => {
    await fill();
    const held = (await store.find(TASK.taskId))!;
    await damage();
    const auditing = held.audit();
    held[Symbol.dispose]();
    expect(await auditing).toBe(1);
    await expectMiddleGone();
  });
});
