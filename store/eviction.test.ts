import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { testBytes, testCertificate, testTaskId } from "../test/conformance/piece-fixture.ts";
import { seededRandom } from "../test/simulation/seeded-random.ts";
import { openDiskStore } from "./disk-store.ts";
import type { PieceStore, StoredTask } from "./piece-store.ts";

/** 32 for a quota of 1 GiB and 3 GiB that go through it. */
const SCALE = Number(process.env["DARTER_EVICTION_SCALE"] ?? 1);
const MIB = 1024 * 1024;
const PIECE_LENGTH_BYTES = MIB;
const TASK_PIECES = 2;
const QUOTA_BYTES = 32 * MIB * SCALE;
const TASK_COUNT = 48 * SCALE;
const WRITERS = 4;
const READERS = 4;
const IN_FLIGHT_BYTES = WRITERS * PIECE_LENGTH_BYTES;

let dataDir: string;
let store: PieceStore;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "darter-evict-"));
  const options = { dataDir, quotaBytes: QUOTA_BYTES, clock: systemClock, log: silentLog };
  store = await openDiskStore(options);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

/** What piece `index` of a task holds. Few different ones, for they take long to make. */
const PATTERNS = Array.from({ length: 16 }, (_, index) => testBytes(index, PIECE_LENGTH_BYTES));
const CERTIFICATES = PATTERNS.map(testCertificate);

function pattern(task: number, piece: number): number {
  return (task * 5 + piece) % PATTERNS.length;
}

async function fill(number: number): Promise<void> {
  const lengthBytes = TASK_PIECES * PIECE_LENGTH_BYTES;
  const taskId = testTaskId(`task ${number}`);
  using task = await store.open({ taskId, lengthBytes, pieceLengthBytes: PIECE_LENGTH_BYTES });
  for (let piece = 0; piece < TASK_PIECES; piece++) {
    if (task.have.has(piece)) continue;
    task.reserve(PIECE_LENGTH_BYTES);
    await task.write(piece * PIECE_LENGTH_BYTES, PATTERNS[pattern(number, piece)]!);
    task.commit(piece, CERTIFICATES[pattern(number, piece)]!);
    await expectWithinQuota();
  }
  task.setProven();
}

async function expectRightBytes(number: number, task: StoredTask): Promise<void> {
  const buffer = Buffer.alloc(PIECE_LENGTH_BYTES);
  for (const piece of task.have) {
    await task.read(piece * PIECE_LENGTH_BYTES, buffer);
    expect(buffer.equals(PATTERNS[pattern(number, piece)]!)).toBe(true);
  }
}

async function expectWithinQuota(): Promise<void> {
  expect(store.usedBytes).toBeLessThanOrEqual(QUOTA_BYTES);
  const entries = await readdir(join(dataDir, "tasks"), { recursive: true, withFileTypes: true });
  const files = entries.filter((each) => each.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      // Some are removed while they are counted.
      const found = await stat(join(parentPath, name)).catch(() => undefined);
      return (found?.blocks ?? 0) * 512;
    }),
  );
  const onDiskBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  // Files that were evicted are removed a moment later, and pieces are written before they count.
  expect(onDiskBytes).toBeLessThanOrEqual(QUOTA_BYTES * 1.05 + 2 * IN_FLIGHT_BYTES);
}

it(
  "keeps to the quota while three times as much is written and read in random order",
  async () => {
    const random = seededRandom(4);
    const order = Array.from({ length: TASK_COUNT }, (_, number) => number);
    order.sort(() => random() - 0.5);
    const pinned = order[0]!;
    await fill(pinned);
    using held = (await store.find(testTaskId(`task ${pinned}`)))!;
    const written = new AbortController();
    let readCount = 0;
    const readers = Array.from({ length: READERS }, async () => {
      while (!written.signal.aborted) {
        const number = Math.floor(random() * TASK_COUNT);
        using task = await store.find(testTaskId(`task ${number}`));
        if (task) {
          await expectRightBytes(number, task);
          readCount += 1;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const rest = order.slice(1);
    const writers = Array.from({ length: WRITERS }, async () => {
      for (let number = rest.pop(); number !== undefined; number = rest.pop()) await fill(number);
    });
    await Promise.all(writers).finally(() => written.abort());
    await Promise.all(readers);
    expect(readCount).toBeGreaterThan(10);
    // What somebody holds open stays, whatever else had to go.
    expect(held.isComplete).toBe(true);
    await expectRightBytes(pinned, held);
    expect(store.list().length).toBeGreaterThan((QUOTA_BYTES * 0.8) / (2 * MIB));
  },
  60_000 * SCALE,
);

it("lets go first of what was used longest ago", async () => {
  const count = QUOTA_BYTES / (TASK_PIECES * PIECE_LENGTH_BYTES);
  for (let number = 0; number < count; number++) await fill(number);
  const touched = [0, 2, 4].map((number) => testTaskId(`task ${number}`));
  for (const taskId of touched) (await store.find(taskId))![Symbol.dispose]();
  const before = store.list().map(({ taskId }) => taskId);
  for (let number = count; number < count + 3; number++) await fill(number);
  const kept = new Set(store.list().map(({ taskId }) => taskId));
  const gone = before.filter((taskId) => !kept.has(taskId));
  expect(gone.length).toBeGreaterThanOrEqual(3);
  expect(gone).toEqual(before.slice(0, gone.length));
  const last = before.slice(-3);
  expect(new Set<TaskId>(last)).toEqual(new Set(touched));
});
