import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import { EXIT, UserError } from "../platform/user-error.ts";
import {
  PIECE_LENGTH_BYTES,
  putPieces,
  readPiece,
  testBytes,
  testTask,
  testTaskId,
} from "../test/conformance/piece-fixture.ts";
import { sealValue } from "./checked-value.ts";
import type { DiskStoreOptions } from "./disk-store.ts";
import { openDiskStore } from "./disk-store.ts";
import type { PieceStore } from "./piece-store.ts";
import { StorageFullError } from "./piece-store.ts";
import { taskFilePath } from "./task-file.ts";

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "darter-store-"));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true });
});

function openStore(options: Partial<DiskStoreOptions> = {}): Promise<PieceStore> {
  return openDiskStore({ dataDir, quotaBytes: 0, clock: systemClock, log: silentLog, ...options });
}

/** Runs statements against a store in a process of its own and kills it when they are done. */
async function runAndKill(statements: string): Promise<void> {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `
    import { openDiskStore } from ${at("./disk-store.ts")};
    import { systemClock } from ${at("../platform/clock.ts")};
    import { silentLog } from ${at("../platform/log.ts")};
    import { putPieces, testTask } from ${at("../test/conformance/piece-fixture.ts")};
    const dataDir = ${JSON.stringify(dataDir)};
    const store = await openDiskStore({ dataDir, quotaBytes: 0, clock: systemClock, log: silentLog });
    ${statements}
    // A moment, in which what was committed goes to the kernel.
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.stdout.write("done");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [outcome] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  expect(String(outcome)).toBe("done");
  child.kill("SIGKILL");
  await once(child, "exit");
}

function filePath(word: string): string {
  return join(dataDir, "tasks", taskFilePath(testTaskId(word)));
}

/** Changes one byte of a task's file. */
function damage(word: string, offsetBytes: number): void {
  const bytes = readFileSync(filePath(word));
  bytes[offsetBytes]! ^= 1;
  writeFileSync(filePath(word), bytes);
}

/** The same as a disk does it that forgets, or that had not written yet: nothing but the byte tells. */
function rot(word: string, offsetBytes: number): void {
  const { mtimeNs } = statSync(filePath(word), { bigint: true });
  damage(word, offsetBytes);
  const seconds = `${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, "0")}`;
  spawnSync("touch", ["-m", "-d", `@${seconds}`, filePath(word)]);
  expect(statSync(filePath(word), { bigint: true }).mtimeNs).toBe(mtimeNs);
}

async function withRecords(change: (database: Level<string, Uint8Array>) => Promise<void>) {
  const database = new Level<string, Uint8Array>(join(dataDir, "meta"), { valueEncoding: "view" });
  await change(database);
  await database.close();
}

async function makeTask(word: string, count: number, ...pieceIndices: number[]): Promise<void> {
  await using store = await openStore();
  using task = await store.open(testTask(word, count));
  await putPieces(task, ...pieceIndices);
}

describe("the disk store after a clean stop", () => {
  it("holds what it held, but for what somebody changed meanwhile", async () => {
    {
      await using store = await openStore();
      using task = await store.open({ ...testTask("a", 3), mediaType: "a/b" });
      await putPieces(task, 0, 2);
      task.setProven();
    }
    damage("a", 7);
    await using store = await openStore();
    expect(store.list()[0]).toMatchObject({ heldPieces: 2, isProven: true, mediaType: "a/b" });
    expect(store.usedBytes).toBe(2 * PIECE_LENGTH_BYTES);
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([2]);
    expect(await readPiece(task, 2)).toEqual(testBytes(2));
    expect(await task.recheck(2)).toBe(true);
  });

  it("hashes everything when the machine was booted since", async () => {
    await makeTask("a", 3, 0, 1, 2);
    rot("a", PIECE_LENGTH_BYTES);
    await withRecords(async (database) => {
      const state = { bootId: "another", isClean: true, epoch: 1 };
      await database.put("state", sealValue("state", Buffer.from(JSON.stringify(state))));
    });
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0, 2]);
    expect(store.usedBytes).toBe(2 * PIECE_LENGTH_BYTES);
  });

  it("keeps the order of use", async () => {
    await makeTask("a", 1, 0);
    await makeTask("b", 1, 0);
    await makeTask("a", 1);
    await using store = await openStore({ quotaBytes: PIECE_LENGTH_BYTES });
    expect(store.list().map((row) => row.taskId)).toEqual([testTaskId("a")]);
  });
});

describe("the disk store after a kill", () => {
  it("holds every piece that was committed and none that was not", async () => {
    await runAndKill(`const task = await store.open(testTask("a", 4));
      await putPieces(task, 0, 1, 2);
      await task.write(3 * 65536, new Uint8Array(1000));`);
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0, 1, 2]);
    expect(await readPiece(task, 1)).toEqual(testBytes(1));
  });

  it("hashes again what a complete task holds, whose file looks as it did", async () => {
    await runAndKill(`const task = await store.open(testTask("a", 3));
      await putPieces(task, 0, 1, 2);
      task.setProven();
      task[Symbol.dispose]();`);
    rot("a", PIECE_LENGTH_BYTES);
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0, 2]);
    expect(task.record.isProven).toBe(false);
  });

  it("drops pieces whose bytes are not there, also when it was stopped cleanly in between", async () => {
    await runAndKill(`const task = await store.open(testTask("a", 4));
      await putPieces(task, 0, 1, 2);
      task.setProven();`);
    damage("a", PIECE_LENGTH_BYTES + 9);
    await (await openStore())[Symbol.asyncDispose]();
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0, 2]);
    expect(task.record.isProven).toBe(false);
    await putPieces(task, 1, 3);
    expect(task.isComplete).toBe(true);
  });

  it("does not give pieces of a forgotten task to a new one of the same name", async () => {
    await runAndKill(`const task = await store.open(testTask("a", 2));
      await putPieces(task, 0, 1);
      await store.delete(task.record.taskId);`);
    await using store = await openStore();
    expect(store.list()).toEqual([]);
    using task = await store.open(testTask("a", 2));
    expect([...task.have]).toEqual([]);
  });
});

describe("the disk store with damaged records or files", () => {
  it("drops a record that was changed, cut or filed under another name", async () => {
    await makeTask("a", 4, 0, 1, 2, 3);
    await makeTask("b", 1, 0);
    await withRecords(async (database) => {
      const keys = (await database.keys({ gt: "piece/", lt: "piece0" }).all()).filter((key) =>
        key.endsWith("1"),
      );
      const values = await database.getMany([keys[0]!, `${keys[0]!.slice(0, -1)}2`]);
      await database.put(keys[0]!, values[1]!);
      await database.put(`${keys[0]!.slice(0, -1)}2`, values[1]!.subarray(0, 3));
      await database.put(`task/${testTaskId("b")}`, Buffer.from("rubbish"));
    });
    await using store = await openStore();
    expect(store.list().map((row) => row.taskId)).toEqual([testTaskId("a")]);
    expect(existsSync(filePath("b"))).toBe(false);
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0, 3]);
  });

  it("removes files without a record, but none that are not its own, and records without a file", async () => {
    await makeTask("a", 1, 0);
    await makeTask("b", 1, 0);
    await rm(filePath("b"));
    await writeFile(filePath("orphan"), "old");
    await writeFile(join(dataDir, "tasks", "note.txt"), "mine");
    await using store = await openStore();
    expect(store.list().map((row) => row.taskId)).toEqual([testTaskId("a")]);
    expect(existsSync(filePath("orphan"))).toBe(false);
    expect(await readFile(join(dataDir, "tasks", "note.txt"), "utf8")).toBe("mine");
    expect(store.usedBytes).toBe(PIECE_LENGTH_BYTES);
  });

  it("takes files out of the folders that an earlier release has put them into", async () => {
    await makeTask("a", 1, 0);
    const folder = join(dataDir, "tasks", testTaskId("a").slice(7, 9));
    await mkdir(folder);
    await rename(filePath("a"), join(folder, basename(filePath("a"))));
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect(await readPiece(task, 0)).toEqual(testBytes(0));
    expect([existsSync(folder), store.damagedPieces]).toEqual([false, 0]);
  });

  it("drops the pieces past the end of a file that was cut", async () => {
    await makeTask("a", 3, 0, 1, 2);
    writeFileSync(
      filePath("a"),
      readFileSync(filePath("a")).subarray(0, 2 * PIECE_LENGTH_BYTES - 1),
    );
    await using store = await openStore();
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([0]);
  });

  it.each(["CURRENT", "MANIFEST"])("begins anew when %s cannot be read", async (prefix) => {
    await makeTask("a", 1, 0);
    const name = readdirSync(join(dataDir, "meta")).find((file) => file.startsWith(prefix))!;
    writeFileSync(join(dataDir, "meta", name), "rubbish\n");
    await using store = await openStore();
    expect(store.list()).toEqual([]);
    using task = await store.open(testTask("a", 1));
    await putPieces(task, 0);
    expect(task.isComplete).toBe(true);
  });
});

describe("the disk store and its directory", () => {
  it("refuses a directory that another store has open, naming it", async () => {
    await using _store = await openStore();
    const error = await openStore().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).exitCode).toBe(EXIT.localFile);
    expect((error as UserError).message).toContain(`${dataDir} is in use by another process`);
  });

  it("says so when the directory cannot be made", async () => {
    await writeFile(join(dataDir, "file"), "");
    const path = join(dataDir, "file", "below");
    const error = await openStore({ dataDir: path }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(path);
  });

  it("has a task's file open exactly while a handle is", async () => {
    await using store = await openStore();
    const openFiles = (): string[] =>
      readdirSync("/proc/self/fd").map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return "";
        }
      });
    const first = await store.open(testTask("a", 1));
    const second = await store.open(testTask("a", 1));
    await putPieces(first, 0);
    first[Symbol.dispose]();
    expect(openFiles()).toContain(filePath("a"));
    second[Symbol.dispose]();
    await expect.poll(openFiles).not.toContain(filePath("a"));
  });

  it("notices that a file was cut or removed while no handle was open", async () => {
    await using store = await openStore();
    {
      using task = await store.open(testTask("a", 3));
      await putPieces(task, 0, 1, 2);
    }
    writeFileSync(filePath("a"), readFileSync(filePath("a")).subarray(0, PIECE_LENGTH_BYTES));
    {
      using task = (await store.find(testTaskId("a")))!;
      expect([...task.have]).toEqual([0]);
    }
    await rm(filePath("a"));
    using task = (await store.find(testTaskId("a")))!;
    expect([...task.have]).toEqual([]);
    expect(store.usedBytes).toBe(0);
  });

  it("leaves the floor of free space alone", async () => {
    await using store = await openStore({ freeFloorBytes: Number.MAX_SAFE_INTEGER });
    using task = await store.open(testTask("a", 1));
    expect(() => task.reserve(1)).toThrow(StorageFullError);
  });

  it("opens no task any more when it is closed", async () => {
    const store = await openStore();
    const task = await store.open(testTask("a", 2));
    await putPieces(task, 0);
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await expect(store.open(testTask("a", 2))).rejects.toThrow("closed");
    expect(await readPiece(task, 0)).toEqual(testBytes(0));
    task[Symbol.dispose]();
    await using next = await openStore();
    expect(next.list()[0]).toMatchObject({ heldPieces: 1 });
  });
});
