import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
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
