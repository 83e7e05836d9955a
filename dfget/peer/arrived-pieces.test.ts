import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openMemoryStore } from "../../store/memory-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import { PIECE_LENGTH_BYTES, testTask } from "../../test/conformance/piece-fixture.ts";
import { ArrivedPieces } from "./arrived-pieces.ts";
import type { ReaderEvents } from "./task-reader.ts";
import { readTask } from "./task-reader.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";

let store: PieceStore;
let session: TaskSession;
let arrived: ArrivedPieces;

beforeEach(async () => {
  store = openMemoryStore();
  const stored = await store.open(testTask("arrived", 40));
  session = sessionOf(stored);
  session.cursors.add({ piece: 3, lastPiece: 20 });
  arrived = new ArrivedPieces(2 * PIECE_LENGTH_BYTES);
});

afterEach(async () => await store[Symbol.asyncDispose]());

function bring(piece: number): ArrayBuffer | undefined {
  const buffer = arrived.take(session, piece);
  if (!buffer) return undefined;
  new Uint8Array(buffer).fill(piece);
  arrived.keep(session, piece, buffer);
  return buffer;
}

describe("pieces that have just arrived", () => {
  it("are kept for a reader that will soon need them, and for no other", () => {
    for (const piece of [2, 12, 21]) expect(arrived.take(session, piece)).toBeUndefined();
    for (const piece of [3, 11]) expect(bring(piece)).toBeDefined();
    expect(arrived.lend(session, 3)!.bytes.length).toBe(PIECE_LENGTH_BYTES);
    expect(arrived.lend(session, 4)).toBeUndefined();
  });

  it("make room, the oldest first, but not while they are lent", () => {
    const [first, second] = [bring(3), bring(4)];
    const lent = arrived.lend(session, 3)!;
    expect(bring(5)).toBeDefined();
    expect(arrived.lend(session, 4)).toBeUndefined();
    arrived.lend(session, 5);
    expect(bring(6)).toBeUndefined();
    expect(new Set(lent.bytes)).toEqual(new Set([3]));
    lent[Symbol.dispose]();
    expect(bring(7)).toBe(first);
    expect(second).toBeDefined();
  });

  it("leave room again when they did not come", () => {
    for (let tries = 0; tries < 5; tries++) {
      const buffer = arrived.take(session, 3);
      expect(buffer).toBeDefined();
      arrived.drop(buffer!.byteLength);
    }
  });

  it("are read from memory, each once, and the others from the file", async () => {
    const bytes = Buffer.alloc(PIECE_LENGTH_BYTES, 9);
    for (const piece of [3, 4]) {
      await session.stored.write(piece * PIECE_LENGTH_BYTES, bytes);
      session.commit(piece, Buffer.alloc(97, 1), "seed");
    }
    bring(3);
    const checked: number[] = [];
    const events: ReaderEvents = {
      moved: () => undefined,
      checkSound: async (piece) => checked.push(piece),
      arrived: (piece) => arrived.lend(session, piece),
    };
    const range = { firstByte: 3 * PIECE_LENGTH_BYTES + 1, lastByte: 5 * PIECE_LENGTH_BYTES - 1 };
    const read: number[] = [];
    for await (const part of readTask(session, range, AbortSignal.timeout(5000), events)) {
      for (const byte of part) read.push(byte);
    }
    expect(read.length).toBe(2 * PIECE_LENGTH_BYTES - 1);
    expect(new Set(read.slice(0, PIECE_LENGTH_BYTES - 1))).toEqual(new Set([3]));
    expect(new Set(read.slice(PIECE_LENGTH_BYTES - 1))).toEqual(new Set([9]));
    expect(checked).toEqual([4]);
    expect(arrived.lend(session, 3)).toBeUndefined();
  });
});
