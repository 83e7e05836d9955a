import { writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { PieceStore } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import {
  PIECE_LENGTH_BYTES,
  putPieces,
  readPiece,
  testBytes,
  testCertificate,
  testTask,
  testTaskId,
} from "./piece-fixture.ts";

/** Makes an empty store for one test; disposing the store leaves nothing behind. */
export type PieceStoreFactory = (options: { quotaBytes: number }) => Promise<PieceStore>;

/** What every {@link PieceStore} does. */
export function pieceStoreConformance(name: string, factory: PieceStoreFactory): void {
  describe(`${name} as a piece store`, () => {
    holdsPieces(factory);
    knowsShapes(factory);
    forgetsTasks(factory);
    keepsTheQuota(factory);
  });
}

function holdsPieces(factory: PieceStoreFactory): void {
  it("shows a piece as held only after its commit and reads it back", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 3));
    await task.write(PIECE_LENGTH_BYTES, testBytes(1));
    expect([...task.have]).toEqual([]);
    await expect(readPiece(task, 1)).rejects.toThrow(RangeError);
    task.commit(1, testCertificate(testBytes(1)));
    expect([...task.have]).toEqual([1]);
    expect(await readPiece(task, 1)).toEqual(testBytes(1));
    expect(task.certificate(1)).toEqual(testCertificate(testBytes(1)));
    expect(task.certificate(0)).toBeUndefined();
    expect(task.isComplete).toBe(false);
  });

  it("reads across held pieces and refuses a span that is held in part", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 3));
    await putPieces(task, 0, 1);
    const across = new Uint8Array(2000);
    expect(await task.read(PIECE_LENGTH_BYTES - 1000, across)).toBe(2000);
    expect(across.subarray(0, 1000)).toEqual(testBytes(0).subarray(-1000));
    expect(across.subarray(1000)).toEqual(testBytes(1).subarray(0, 1000));
    await expect(task.read(2 * PIECE_LENGTH_BYTES - 1, across)).rejects.toThrow(RangeError);
    await expect(task.read(-1, across)).rejects.toThrow(RangeError);
    await expect(task.read(3 * PIECE_LENGTH_BYTES - 1, across)).rejects.toThrow(RangeError);
  });

  it("keeps a task of one piece that is there whole, once", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const content = testBytes(0, 1000);
    const task = { ...testTask("a", 1), lengthBytes: 1000, mediaType: "text/plain" };
    const whole = { ...task, content, certificates: [testCertificate(content)] };
    const both = await Promise.all([store.keep(whole), store.keep(whole)]);
    expect(both.filter(Boolean)).toEqual([true]);
    using found = await store.find(task.taskId);
    expect(found!.record).toMatchObject({ isProven: true, mediaType: "text/plain" });
    expect([found!.isComplete, found!.isUntouched]).toEqual([true, true]);
    expect(await readPiece(found!, 0, 1000)).toEqual(content);
    expect(store.usedBytes).toBe(1000);
    expect(await store.keep(whole)).toBe(false);
    await expect(store.keep({ ...whole, lengthBytes: 999 })).rejects.toThrow(RangeError);
  });

  it("takes what another writer put into the file by its number", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 2));
    writeSync(task.fd, testBytes(1), 0, PIECE_LENGTH_BYTES, PIECE_LENGTH_BYTES);
    task.commit(1, testCertificate(testBytes(1)));
    expect(await readPiece(task, 1)).toEqual(testBytes(1));
  });

  it("keeps a task of several pieces that is there whole", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const pieces = [testBytes(0), testBytes(1), testBytes(2, 10)];
    const content = Buffer.concat(pieces);
    const task = { ...testTask("a", 3), lengthBytes: content.length };
    const whole = { ...task, content, certificates: pieces.map(testCertificate) };
    await expect(
      store.keep({ ...whole, certificates: whole.certificates.slice(1) }),
    ).rejects.toThrow(RangeError);
    expect(await store.keep(whole)).toBe(true);
    using found = await store.find(task.taskId);
    expect([found!.isComplete, found!.record.isProven]).toEqual([true, true]);
    expect(await readPiece(found!, 2, 10)).toEqual(testBytes(2, 10));
    expect(await found!.recheck(1)).toBe(true);
  });

  it("keeps no task whole for which there is no room, and evicts for one for which there is", async () => {
    await using store = await factory({ quotaBytes: 1500 });
    const wholeOf = (word: string, lengthBytes: number) => {
      const content = testBytes(0, lengthBytes);
      return {
        ...testTask(word, 1),
        lengthBytes,
        content,
        certificates: [testCertificate(content)],
      };
    };
    await expect(store.keep(wholeOf("a", 2000))).rejects.toThrow(StorageFullError);
    expect(await store.keep(wholeOf("a", 1000))).toBe(true);
    expect(await store.keep(wholeOf("b", 1000))).toBe(true);
    expect(store.list().map(({ taskId }) => taskId)).toEqual([testTaskId("b")]);
    expect(store.usedBytes).toBe(1000);
  });

  it("refuses to write over a held piece, past the end, and to commit what cannot be", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 2));
    await putPieces(task, 0);
    await expect(task.write(10, new Uint8Array(1))).rejects.toThrow("held already");
    const twoPieces = new Uint8Array(PIECE_LENGTH_BYTES + 1);
    await expect(task.write(PIECE_LENGTH_BYTES, twoPieces)).rejects.toThrow(RangeError);
    expect(() => task.commit(2, testCertificate(testBytes(2)))).toThrow(RangeError);
    expect(() => task.commit(1, new Uint8Array(5))).toThrow(TypeError);
    expect([...task.have]).toEqual([0]);
  });

  it("counts a piece that is committed twice once", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 2));
    await putPieces(task, 0);
    task.commit(0, testCertificate(testBytes(0)));
    expect(task.heldBytes).toBe(PIECE_LENGTH_BYTES);
    expect(store.usedBytes).toBe(PIECE_LENGTH_BYTES);
  });

  it("shares one state among the handles of a task", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const [first, second] = await Promise.all([
      store.open(testTask("a", 2)),
      store.open(testTask("a", 2)),
    ]);
    await putPieces(first, 0);
    expect([...second.have]).toEqual([0]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(() => first.have).toThrow("disposed");
    expect(await readPiece(second, 0)).toEqual(testBytes(0));
    second[Symbol.dispose]();
    using again = (await store.find(testTaskId("a")))!;
    expect(await readPiece(again, 0)).toEqual(testBytes(0));
  });

  it("drops a held piece whose bytes are found to be wrong", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 2));
    await putPieces(task, 0, 1);
    task.setProven();
    expect(await task.recheck(0)).toBe(true);
    writeSync(task.fd, Uint8Array.of(255), 0, 1, 77);
    expect(await task.recheck(0)).toBe(false);
    expect(await task.recheck(0)).toBe(false);
    expect([...task.have]).toEqual([1]);
    expect(task.record.isProven).toBe(false);
    expect(store.usedBytes).toBe(PIECE_LENGTH_BYTES);
    await putPieces(task, 0);
    expect(task.isComplete).toBe(true);
  });
}

function knowsShapes(factory: PieceStoreFactory): void {
  it("grows with the pieces of a task of unknown length until the length is set", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const taskId = testTaskId("a");
    using task = await store.open({ taskId, pieceLengthBytes: PIECE_LENGTH_BYTES });
    await putPieces(task, 0, 2);
    expect(task.have.length).toBe(3);
    expect(task.isComplete).toBe(false);
    expect(() => task.setLength(2 * PIECE_LENGTH_BYTES)).toThrow(RangeError);
    task.setLength(3 * PIECE_LENGTH_BYTES + 5);
    task.setLength(3 * PIECE_LENGTH_BYTES + 5);
    expect(() => task.setLength(3 * PIECE_LENGTH_BYTES + 6)).toThrow(RangeError);
    await putPieces(task, 1, 3);
    expect(task.isComplete).toBe(true);
    expect(await readPiece(task, 3, 5)).toEqual(testBytes(3, 5));
    expect(task.heldBytes).toBe(3 * PIECE_LENGTH_BYTES + 5);
  });

  it("holds an empty task", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const request = { ...testTask("a", 0), mediaType: "text/plain" };
    {
      using task = await store.open(request);
      expect(task.isComplete).toBe(true);
      task.setProven();
    }
    using task = (await store.find(request.taskId))!;
    expect(task.record).toMatchObject({ lengthBytes: 0, isProven: true, mediaType: "text/plain" });
  });

  it("keeps what it knows of a task that holds pieces and replaces one that holds none", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const request = testTask("a", 2);
    const other = { ...request, pieceLengthBytes: 2 * PIECE_LENGTH_BYTES };
    {
      using task = await store.open(request);
      using same = await store.open(other);
      expect(same.record.pieceLengthBytes).toBe(PIECE_LENGTH_BYTES);
      await putPieces(task, 0);
    }
    using task = await store.open(other);
    expect(task.record.pieceLengthBytes).toBe(PIECE_LENGTH_BYTES);
    await task.discard();
    task[Symbol.dispose]();
    using replaced = await store.open(other);
    expect(replaced.record.pieceLengthBytes).toBe(2 * PIECE_LENGTH_BYTES);
    expect(replaced.have.length).toBe(1);
  });

  it("learns length and media type from a later opener", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const request = testTask("a", 2);
    const { taskId, pieceLengthBytes } = request;
    using task = await store.open({ taskId, pieceLengthBytes });
    await putPieces(task, 0);
    using _second = await store.open({ ...request, mediaType: "a/b" });
    expect(task.record).toMatchObject({ lengthBytes: 2 * PIECE_LENGTH_BYTES, mediaType: "a/b" });
    expect(task.have.length).toBe(2);
  });

  it("refuses a shape that no task may have", async () => {
    await using store = await factory({ quotaBytes: 0 });
    await expect(store.open({ ...testTask("a", 1), pieceLengthBytes: 7 })).rejects.toThrow(
      RangeError,
    );
    await expect(store.open({ ...testTask("a", 1), lengthBytes: -1 })).rejects.toThrow(RangeError);
    expect(store.list()).toEqual([]);
  });
}

function forgetsTasks(factory: PieceStoreFactory): void {
  it("drops all pieces on discard and takes them anew, also with another length", async () => {
    await using store = await factory({ quotaBytes: 0 });
    using task = await store.open(testTask("a", 2));
    await putPieces(task, 0, 1);
    task.setProven();
    await task.discard();
    expect([...task.have]).toEqual([]);
    expect(task.record.isProven).toBe(false);
    expect(store.usedBytes).toBe(0);
    task.setLength(PIECE_LENGTH_BYTES);
    await putPieces(task, 0);
    expect(task.isComplete).toBe(true);
  });

  it("deletes a task while a handle goes on reading it", async () => {
    await using store = await factory({ quotaBytes: 0 });
    const task = await store.open(testTask("a", 2));
    await putPieces(task, 0);
    await store.delete(testTaskId("a"));
    expect(store.list()).toEqual([]);
    expect(await store.find(testTaskId("a"))).toBeUndefined();
    expect(await readPiece(task, 0)).toEqual(testBytes(0));
    using next = await store.open(testTask("a", 2));
    await putPieces(task, 1);
    expect([...next.have]).toEqual([]);
    expect(store.usedBytes).toBe(2 * PIECE_LENGTH_BYTES);
    task[Symbol.dispose]();
    expect(store.usedBytes).toBe(0);
    await store.delete(testTaskId("unknown"));
  });

  it("lists tasks with the least recently used first and forgets those that hold nothing", async () => {
    await using store = await factory({ quotaBytes: 0 });
    for (const word of ["a", "b", "c"]) {
      using task = await store.open(testTask(word, 2));
      await putPieces(task, 1);
    }
    (await store.open(testTask("empty", 2)))[Symbol.dispose]();
    using _a = await store.find(testTaskId("a"));
    _a?.[Symbol.dispose]();
    using _b = await store.find(testTaskId("b"));
    const rows = store.list();
    expect(rows.map((row) => row.taskId).sort()).toEqual(["a", "b", "c"].map(testTaskId).sort());
    expect(rows[0]).toMatchObject({ taskId: testTaskId("c"), heldPieces: 1, isPinned: false });
    expect(rows.find((row) => row.taskId === testTaskId("b"))?.isPinned).toBe(true);
    expect(await store.find(testTaskId("empty"))).toBeUndefined();
  });
}

function keepsTheQuota(factory: PieceStoreFactory): void {
  it("evicts what was used longest ago, never what is open, and refuses when all is", async () => {
    await using store = await factory({ quotaBytes: 4 * PIECE_LENGTH_BYTES });
    for (const word of ["a", "b", "c"]) {
      using task = await store.open(testTask(word, 1));
      await putPieces(task, 0);
    }
    using a = (await store.find(testTaskId("a")))!;
    using task = await store.open(testTask("d", 4));
    await putPieces(task, 0, 1);
    expect(store.list().map((row) => row.taskId)).not.toContain(testTaskId("b"));
    expect(await readPiece(a, 0)).toEqual(testBytes(0));
    await putPieces(task, 2);
    expect(store.usedBytes).toBe(4 * PIECE_LENGTH_BYTES);
    expect(() => task.reserve(PIECE_LENGTH_BYTES)).toThrow(StorageFullError);
    expect(store.list()).toHaveLength(2);
    a[Symbol.dispose]();
    await putPieces(task, 3);
    expect(store.list().map((row) => row.taskId)).toEqual([testTaskId("d")]);
  });

  it("counts reservations until they are used, released or their task is closed", async () => {
    await using store = await factory({ quotaBytes: 3 * PIECE_LENGTH_BYTES });
    using task = await store.open(testTask("a", 2));
    task.reserve(PIECE_LENGTH_BYTES);
    expect(store.usedBytes).toBe(PIECE_LENGTH_BYTES);
    task.release(PIECE_LENGTH_BYTES);
    task.release(PIECE_LENGTH_BYTES);
    expect(store.usedBytes).toBe(0);
    // A piece that is tried again and again never counts for more than the task lacks.
    for (let attempt = 0; attempt < 10; attempt++) task.reserve(PIECE_LENGTH_BYTES);
    expect(store.usedBytes).toBe(2 * PIECE_LENGTH_BYTES);
    await putPieces(task, 0);
    expect(store.usedBytes).toBe(2 * PIECE_LENGTH_BYTES);
    task[Symbol.dispose]();
    expect(store.usedBytes).toBe(PIECE_LENGTH_BYTES);
  });
}
