import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { formatCertificate } from "../../protocol/piece-certificate.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { sha256 } from "../../platform/digest-check.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import {
  PIECE_LENGTH_BYTES,
  putPieces,
  testBytes,
  testCertificate,
  testTask,
} from "../../test/conformance/piece-fixture.ts";
import type { ReaderEvents } from "./task-reader.ts";
import { readTask } from "./task-reader.ts";
import type { PieceSource } from "./task-session.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";

let store: PieceStore;
const never = new AbortController().signal;

beforeEach(() => void (store = openMemoryStore()));
afterEach(async () => await store[Symbol.asyncDispose]());

async function openSession(word: string, count: number): Promise<TaskSession> {
  const stored = await store.open(testTask(word, count));
  return sessionOf(stored);
}

async function receive(session: TaskSession, piece: number, source: PieceSource): Promise<void> {
  const bytes = testBytes(piece, session.span(piece).lengthBytes);
  session.stored.reserve(bytes.length);
  await session.stored.write(piece * PIECE_LENGTH_BYTES, bytes);
  session.commit(piece, testCertificate(bytes), source);
}

/** Nobody hears what a reader says. */
const quiet: ReaderEvents = {
  moved: () => undefined,
  checkSound: async () => true,
  arrived: () => undefined,
};

/** Reads to the end and returns the bytes. */
async function readAll(
  session: TaskSession,
  firstByte = 0,
  lastByte?: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of readTask(session, { firstByte, lastByte }, never, quiet)) {
    parts.push(Buffer.from(part));
  }
  return Buffer.concat(parts);
}

describe("a session", () => {
  it("counts what it received by source and knows where each piece came from", async () => {
    const session = await openSession("sources", 3);
    await receive(session, 0, "seed");
    await receive(session, 1, "peers");
    await receive(session, 2, "origin");
    expect(session.progress()).toEqual({
      lengthBytes: 3 * PIECE_LENGTH_BYTES,
      heldBytes: 3 * PIECE_LENGTH_BYTES,
      receivedBytes: {
        seed: PIECE_LENGTH_BYTES,
        peers: PIECE_LENGTH_BYTES,
        origin: PIECE_LENGTH_BYTES,
      },
    });
    expect([0, 1, 2].map((piece) => session.sourceOf(piece))).toEqual(["seed", "peers", "origin"]);
  });

  it("says that pieces of an earlier run come from the disk", async () => {
    const stored = await store.open(testTask("earlier", 2));
    await putPieces(stored, 0);
    const session = await openSession("earlier", 2);
    expect(session.sourceOf(0)).toBe("disk");
    expect(session.needsWholeCheck).toBe(true);
  });

  it("takes a piece for fresh until two ages have gone by since it came or was checked", async () => {
    await putPieces(await store.open(testTask("fresh", 3)), 0);
    const session = await openSession("fresh", 3);
    await receive(session, 1, "seed");
    expect([0, 1].map((piece) => session.isFresh(piece))).toEqual([false, true]);
    session.age();
    session.refresh(0);
    expect([0, 1].map((piece) => session.isFresh(piece))).toEqual([true, true]);
    session.age();
    expect([0, 1].map((piece) => session.isFresh(piece))).toEqual([true, false]);
  });

  it("trusts the last piece when a supernode vouches for it and none was missed", async () => {
    const session = await openSession("vouched", 2);
    await receive(session, 1, "seed");
    expect(session.isReadable(1)).toBe(true);
  });

  it("keeps the last piece from readers while the whole has to be checked here", async () => {
    const session = await openSession("unproven", 2);
    session.needsWholeCheck = true;
    await receive(session, 0, "peers");
    await receive(session, 1, "peers");
    expect([session.isReadable(0), session.isReadable(1)]).toEqual([true, false]);
    session.stored.setProven();
    expect(session.isReadable(1)).toBe(true);
  });

  it("keeps the last piece from readers when only a node vouches for it", async () => {
    const session = await openSession("by a node", 1);
    const bytes = testBytes(0);
    session.stored.reserve(bytes.length);
    await session.stored.write(0, bytes);
    const certificate = formatCertificate({
      kind: "node",
      sha256: sha256(bytes),
      signature: new Uint8Array(64),
      nodeKey: new Uint8Array(32),
      endorsement: new Uint8Array(64),
    });
    session.commit(0, certificate, "peers");
    expect(session.isReadable(0)).toBe(false);
  });

  it("ends every wait when it fails, and leaves no watcher behind when a wait is aborted", async () => {
    const session = await openSession("fails", 2);
    const abort = new AbortController();
    const given = session.until(() => false, abort.signal);
    const failed = session.until(() => false, never);
    abort.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    session.fail(new ProtocolError("ORIGIN_FAILED", "the origin is gone"));
    await expect(failed).rejects.toThrow("the origin is gone");
  });

  it("keeps its file open for whoever uses it when it is over", async () => {
    const session = await openSession("over", 2);
    await receive(session, 0, "seed");
    const { stored } = session;
    const use = session.use();
    session.end();
    session.letGo();
    expect(session.over.aborted).toBe(true);
    expect(stored.have.has(0)).toBe(true);
    expect(await stored.read(0, new Uint8Array(PIECE_LENGTH_BYTES))).toBe(PIECE_LENGTH_BYTES);
    use[Symbol.dispose]();
    expect(() => stored.have).toThrow("disposed");
  });
});

describe("a reader", () => {
  it("gets the bytes in order although the pieces come in any order", async () => {
    const session = await openSession("order", 4);
    const reading = readAll(session);
    for (const piece of [2, 0, 3, 1]) await receive(session, piece, "peers");
    const expected = Buffer.concat([0, 1, 2, 3].map((piece) => testBytes(piece)));
    expect(Buffer.compare(await reading, expected)).toBe(0);
    expect(session.cursors.size).toBe(0);
  });

  it("gets a range across pieces without the pieces around it", async () => {
    const session = await openSession("range", 4);
    await receive(session, 1, "peers");
    await receive(session, 2, "peers");
    const first = PIECE_LENGTH_BYTES + 100;
    const last = 2 * PIECE_LENGTH_BYTES + 99;
    const expected = Buffer.concat([testBytes(1).subarray(100), testBytes(2).subarray(0, 100)]);
    expect(Buffer.compare(await readAll(session, first, last), expected)).toBe(0);
  });

  it("tells where it waits, so that its piece is fetched first", async () => {
    const session = await openSession("cursor", 3);
    await receive(session, 0, "seed");
    const places: number[] = [];
    const reading = (async () => {
      const moved = (): void => {
        for (const cursor of session.cursors) places.push(cursor.piece);
      };
      let lengthBytes = 0;
      for await (const part of readTask(session, { firstByte: 0 }, never, { ...quiet, moved })) {
        lengthBytes += part.length;
      }
      return lengthBytes;
    })();
    await receive(session, 1, "peers");
    await receive(session, 2, "peers");
    expect(await reading).toBe(3 * PIECE_LENGTH_BYTES);
    expect(places).toEqual([0, 1, 2]);
  });

  it("gets fresh pieces that stand side by side at once", async () => {
    const session = await openSession("side by side", 3);
    await receive(session, 0, "seed");
    await receive(session, 1, "seed");
    const reading = readTask(session, { firstByte: 10 }, never, quiet);
    expect((await reading.next()).value?.length).toBe(2 * PIECE_LENGTH_BYTES - 10);
    await reading.return(undefined);
  });

  it("ends with the failure of the task, and gets nothing more of what is held", async () => {
    const session = await openSession("broken", 3);
    await receive(session, 0, "seed");
    await receive(session, 1, "seed");
    // What was written a while ago is looked at piece by piece.
    session.age();
    session.age();
    const reading = readTask(session, { firstByte: 0 }, never, quiet);
    expect((await reading.next()).value?.length).toBe(PIECE_LENGTH_BYTES);
    session.fail(new ProtocolError("DIGEST_MISMATCH", "the bytes are wrong"));
    await expect(reading.next()).rejects.toThrow("the bytes are wrong");
    expect(session.cursors.size).toBe(0);
  });

  it("ends at once when its own signal is aborted", async () => {
    const session = await openSession("impatient", 1);
    const abort = new AbortController();
    const reading = readTask(session, { firstByte: 0 }, abort.signal, quiet).next();
    abort.abort(new Error("gone"));
    await expect(reading).rejects.toThrow("gone");
  });
});
