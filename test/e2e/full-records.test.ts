import { mkdir, open, rm } from "node:fs/promises";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { PieceStore, StoredTask } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import {
  PIECE_LENGTH_BYTES,
  readPiece,
  testBytes,
  testCertificate,
  testTask,
  testTaskId,
} from "../conformance/piece-fixture.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { mustRun } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

/** So many that their records do not fit into what the last page of the log had left. */
const TASK_COUNT = 300;
const CONTENT = testBytes(0);
const CERTIFICATE = testCertificate(CONTENT);

describeWhere(["linux", "namespaces"], "a disk that is full", () => {
  let stack: AsyncDisposableStack;
  let disk: string;
  let errors: string[];

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const directory = stack.use(await TemporaryDirectory.create("records"));
    disk = directory.join("disk");
    await mkdir(disk);
    await mustRun({ command: "mount", args: ["-t", "tmpfs", "-o", "size=64m", "tmpfs", disk] });
    stack.defer(async () => void (await mustRun({ command: "umount", args: ["-l", disk] })));
    errors = [];
  });

  afterEach(() => stack.disposeAsync());

  const openStore = async (): Promise<PieceStore> =>
    await openDiskStore({
      dataDir: `${disk}/data`,
      quotaBytes: 0,
      freeFloorBytes: 0,
      clock: systemClock,
      log: pino({ level: "error" }, { write: (line) => void errors.push(messageOf(line)) }),
    });

  it("is told when a piece is written for which there seemed to be room", async () => {
    await using store = await openStore();
    using task = await store.open(testTask("piece", 1));
    task.reserve(PIECE_LENGTH_BYTES);
    await fill(`${disk}/filler`);
    await expect(task.write(0, CONTENT)).rejects.toThrow(StorageFullError);
    await rm(`${disk}/filler`);
    await task.write(0, CONTENT);
    task.commit(0, CERTIFICATE);
    expect(await readPiece(task, 0)).toEqual(CONTENT);
  });

  it("when a record is written costs no piece that was committed: nothing more is taken until there is room, and then it is written", async () => {
    {
      await using store = await openStore();
      const tasks: StoredTask[] = [];
      for (let number = 0; number < TASK_COUNT; number++) {
        const task = await store.open(testTask(`task ${number}`, 1));
        task.reserve(PIECE_LENGTH_BYTES);
        await task.write(0, CONTENT);
        tasks.push(task);
      }
      await fill(`${disk}/filler`);
      for (const task of tasks) task.commit(0, CERTIFICATE);
      await expect.poll(() => errors).toEqual(["cannot write the store's records"]);
      expect(await readPiece(tasks[7]!, 0)).toEqual(CONTENT);
      const more = await store.open(testTask("more", 1));
      const tryMore = (): unknown =>
        failureOf(() => {
          more.reserve(PIECE_LENGTH_BYTES);
          more.release(PIECE_LENGTH_BYTES);
        });
      await expect.poll(tryMore).toBeInstanceOf(StorageFullError);
      await rm(`${disk}/filler`);
      await expect.poll(tryMore).toBeUndefined();
      for (const task of [...tasks, more]) task[Symbol.dispose]();
    }
    await using store = await openStore();
    expect(store.list().filter(({ heldPieces }) => heldPieces === 1)).toHaveLength(TASK_COUNT);
    using task = (await store.find(testTaskId(`task ${TASK_COUNT - 1}`)))!;
    expect(await readPiece(task, 0)).toEqual(CONTENT);
    expect(errors).toHaveLength(1);
  });
});

function messageOf(line: string): string {
  return (JSON.parse(line) as { readonly msg: string }).msg;
}

function failureOf(attempt: () => void): unknown {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Writes to a file until the disk takes no more. */
async function fill(path: string): Promise<void> {
  await using file = await open(path, "w");
  for (let length = 1024 * 1024; length > 0;) {
    const bytes = Buffer.alloc(length);
    const written = await file.write(bytes).then(
      ({ bytesWritten }) => bytesWritten,
      () => 0,
    );
    if (written < length) length = Math.floor(length / 2);
  }
}
