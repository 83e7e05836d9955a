import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { Bitmap } from "../../protocol/bitmap.ts";
import type { Digest } from "../../protocol/digest.ts";
import { parseDigest } from "../../protocol/digest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { openDiskStore } from "../../store/disk-store.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import { bytesDigest, seededBytes } from "../../test/harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { AssemblyThread } from "./assembly-thread.ts";
import type { AssembledPiece } from "./piece-assembler.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const PIECE = 256 * KIB;

function optionsOf(content: Buffer) {
  const digest = parseDigest(bytesDigest(content))!;
  return { pieceLengthBytes: PIECE, lengthBytes: content.length, digest };
}

function taskIdOf(content: Buffer): TaskId {
  return parseTaskId(bytesDigest(content))!;
}

async function stage() {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await TemporaryDirectory.create("assembly"));
  const store = stack.use(
    await openDiskStore({
      dataDir: directory.path,
      quotaBytes: 0,
      clock: systemClock,
      log: silentLog,
    }),
  );
  const thread = stack.use(new AssemblyThread({ log: silentLog }));
  const rest = stack.move();
  return { store, thread, [Symbol.asyncDispose]: async () => await rest.disposeAsync() };
}

/** As much of a task as an assembly looks at. */
function taskAt(fd: number, lengthBytes: number): StoredTask {
  const record = {
    taskId: `sha256:${"0".repeat(64)}` as TaskId,
    pieceLengthBytes: PIECE,
    lengthBytes,
  };
  return { record, fd, have: new Bitmap(Math.ceil(lengthBytes / PIECE)) } as unknown as StoredTask;
}

describe("the thread that hashes and writes what comes from origins", () => {
  it("tells of every piece but the last when it is in the file, and keeps it in memory for a while", async () => {
    await using it = await stage();
    const content = seededBytes("assembled", 3 * MIB + 5);
    const options = optionsOf(content);
    const taskId = taskIdOf(content);
    using task = await it.store.open({ taskId, ...options });
    const pieces: AssembledPiece[] = [];
    await using assembly = it.thread.begin(task, options, (piece) => pieces.push(piece));
    for (let at = 0; at < content.length; at += 100_003) {
      await assembly.push(content.subarray(at, at + 100_003));
    }
    const end = await assembly.finish();
    expect(pieces.map(({ pieceIndex }) => pieceIndex)).toEqual([...Array(12).keys()]);
    expect(end).toMatchObject({ lengthBytes: content.length, digest: { matches: true } });
    for (const { offsetBytes, lengthBytes, sha256 } of [...pieces, ...end.pieces]) {
      const bytes = content.subarray(offsetBytes, offsetBytes + lengthBytes);
      expect(Buffer.from(sha256)).toEqual(createHash("sha256").update(bytes).digest());
    }
    const recent = Buffer.alloc(300_000);
    expect(it.thread.copyRecent(taskId, 2 * MIB - 7, recent)).toBe(true);
    expect(recent.equals(content.subarray(2 * MIB - 7, 2 * MIB - 7 + recent.length))).toBe(true);
    expect(it.thread.copyRecent(taskId, content.length - 5, recent.subarray(0, 6))).toBe(false);
    for (const piece of [...pieces, ...end.pieces])
      task.commit(piece.pieceIndex, certificate(piece));
    const stored = Buffer.alloc(content.length);
    await task.read(0, stored);
    expect(stored.equals(content)).toBe(true);
  });

  it("forgets what came first when more has come than it keeps", async () => {
    await using it = await stage();
    const content = seededBytes("long", 12 * MIB);
    const options = optionsOf(content);
    const taskId = taskIdOf(content);
    using task = await it.store.open({ taskId, ...options });
    await using assembly = it.thread.begin(task, options, () => undefined);
    await assembly.push(content);
    await assembly.finish();
    const target = Buffer.alloc(PIECE);
    expect(it.thread.copyRecent(taskId, 0, target)).toBe(false);
    expect(it.thread.copyRecent(taskId, 11 * MIB, target)).toBe(true);
    expect(target.equals(content.subarray(11 * MIB, 11 * MIB + PIECE))).toBe(true);
  });

  it("gives memory back that many contents at once have needed", async () => {
    await using it = await stage();
    const many = Array.from({ length: 60 }, (_none, index) => seededBytes(`many ${index}`, PIECE));
    {
      await using stack = new AsyncDisposableStack();
      for (const content of many) {
        const options = optionsOf(content);
        const task = stack.use(await it.store.open({ taskId: taskIdOf(content), ...options }));
        const assembly = stack.use(it.thread.begin(task, options, () => undefined));
        await assembly.push(content.subarray(0, PIECE - 1));
        stack.defer(async () => {
          await assembly.push(content.subarray(PIECE - 1));
          await assembly.finish();
        });
      }
      expect(it.thread.slotCount).toBe(60);
    }
    expect(it.thread.slotCount).toBeLessThanOrEqual(32);
    const last = Buffer.alloc(PIECE);
    expect(it.thread.copyRecent(taskIdOf(many[0]!), 0, last)).toBe(true);
    expect(last.equals(many[0]!)).toBe(true);
  });

  it("says that the disk is full, tells of no piece after that, and goes on with other contents", async () => {
    await using it = await stage();
    const content = seededBytes("full", 4 * MIB);
    const fd = openSync("/dev/full", "w");
    const pieces: AssembledPiece[] = [];
    {
      const full = taskAt(fd, content.length);
      await using assembly = it.thread.begin(full, optionsOf(content), (piece) =>
        pieces.push(piece),
      );
      await expect(assembly.push(content)).rejects.toBeInstanceOf(StorageFullError);
    }
    closeSync(fd);
    expect(pieces).toEqual([]);
    const options = optionsOf(content);
    using task = await it.store.open({ taskId: taskIdOf(content), ...options });
    await using assembly = it.thread.begin(task, options, (piece) => pieces.push(piece));
    await assembly.push(content);
    await expect(assembly.finish()).resolves.toMatchObject({ digest: { matches: true } });
    expect(pieces).toHaveLength(15);
  });

  it("hashes pieces that are held and does not write them", async () => {
    await using it = await stage();
    const content = seededBytes("held", 2 * PIECE);
    const fd = openSync("/dev/full", "w");
    const task = taskAt(fd, content.length);
    task.have.add(0);
    task.have.add(1);
    {
      await using assembly = it.thread.begin(task, optionsOf(content), () => undefined);
      await assembly.push(content);
      await expect(assembly.finish()).resolves.toMatchObject({ digest: { matches: true } });
    }
    closeSync(fd);
    expect(it.thread.copyRecent(task.record.taskId, 0, Buffer.alloc(1))).toBe(false);
  });

  it("fails what it is doing when it ends, and what is begun afterwards", async () => {
    await using it = await stage();
    const content = seededBytes("lost", MIB);
    const options = optionsOf(content);
    using task = await it.store.open({ taskId: taskIdOf(content), ...options });
    await using assembly = it.thread.begin(task, options, () => undefined);
    await assembly.push(content.subarray(0, 1000));
    await it.thread[Symbol.asyncDispose]();
    await expect(assembly.finish()).rejects.toThrow(/thread that hashes/);
    await using late = it.thread.begin(task, options, () => undefined);
    await expect(late.push(content)).rejects.toThrow(/thread that hashes/);
  });

  it("goes on in a new thread, which what was lost with the one before does not disturb", async () => {
    await using it = await stage();
    const content = seededBytes("lost", MIB);
    const options = optionsOf(content);
    using task = await it.store.open({ taskId: taskIdOf(content), ...options });
    await using lost = it.thread.begin(task, options, () => undefined);
    await lost.push(content.subarray(0, 1000));
    // The thread dies of it.
    const fatal = { ...options, digest: 0 as unknown as Digest };
    await using killer = it.thread.begin(task, fatal, () => undefined);
    await expect(killer.finish()).rejects.toThrow(/thread that hashes/);
    await using next = it.thread.begin(task, options, () => undefined);
    await expect(lost.finish()).rejects.toThrow(/thread that hashes/);
    await next.push(content);
    await expect(next.finish()).resolves.toMatchObject({ digest: { matches: true } });
  });
});

/** A certificate that can be read; nobody looks at its signature here. */
function certificate({ sha256 }: AssembledPiece): Uint8Array {
  const bytes = new Uint8Array(97);
  bytes[0] = 1;
  bytes.set(sha256, 1);
  return bytes;
}
