import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import { putPieces, testBytes, testTask } from "../test/conformance/piece-fixture.ts";
import { pieceStoreConformance } from "../test/conformance/piece-store.ts";
import { openDiskStore } from "./disk-store.ts";

pieceStoreConformance("the disk store", async ({ quotaBytes }) => {
  const dataDir = await mkdtemp(join(tmpdir(), "darter-store-"));
  const store = await openDiskStore({ dataDir, quotaBytes, clock: systemClock, log: silentLog });
  const close = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await close();
    await rm(dataDir, { recursive: true });
  };
  return store;
});

it("opens a task anew for one who asks for it while the last handle goes", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "darter-store-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(dataDir, { recursive: true }));
  const options = { dataDir, quotaBytes: 0, clock: systemClock, log: silentLog };
  const store = stack.use(await openDiskStore(options));
  const first = await store.open(testTask("reopened", 2));
  await putPieces(first, 0);
  const finding = store.find(first.record.taskId);
  const opening = store.open(testTask("reopened", 2));
  first[Symbol.dispose]();
  for (const handle of [await finding, await opening]) {
    const target = new Uint8Array(testBytes(0).length);
    await handle!.read(0, target);
    expect(Buffer.compare(target, testBytes(0))).toBe(0);
    handle![Symbol.dispose]();
  }
});
