import { expect, it } from "vitest";

import { silentLog } from "../../platform/log.ts";
import type { ErrorCode } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import { putPieces, testTask } from "../../test/conformance/piece-fixture.ts";
import { OriginRuns } from "./origin-runs.ts";
import { sessionOf } from "./session-fixture.ts";

const never = new AbortController().signal;

/** A task of three pieces whose reading from the origin fails each time. */
async function failingTask(code: ErrorCode = "ORIGIN_FAILED") {
  const store = openMemoryStore();
  const stored = await store.open(testTask("origin runs", 3));
  const session = sessionOf(stored, {
    origin: { url: "http://origin.example/file", headers: new Map() },
    mayUseOrigin: true,
  });
  const driver = {
    nowMs: 0,
    failedRuns: 0,
    originPieceHeld: () => undefined,
    lengthKnown: () => undefined,
    originRunFailed: () => void (driver.failedRuns += 1),
    swarm: { orphan: () => undefined },
  };
  const runs = new OriginRuns({
    intake: {
      fetchRun: async () => {
        throw new ProtocolError(code, "it did not work; try again later");
      },
    },
    driver,
    keeper: { full: () => undefined },
    log: silentLog,
  });
  const failAtMs = async (nowMs: number): Promise<void> => {
    driver.nowMs = nowMs;
    await runs.read(session, { firstPiece: 0, pieceCount: 3 }, never);
  };
  return { store, stored, session, driver, failAtMs };
}

it("gives a task up when its origin fails again and again and nothing comes from elsewhere", async () => {
  const { store, session, driver, failAtMs } = await failingTask();
  await using _store = store;
  for (const seconds of [0, 1, 3, 7, 30, 59]) await failAtMs(seconds * 1000);
  expect(session.failure).toBeUndefined();
  expect(session.progress().trouble).toBe("it did not work; try again later");
  expect(driver.failedRuns).toBe(6);
  await failAtMs(60_000);
  expect(session.failure?.code).toBe("ORIGIN_FAILED");
  expect(driver.failedRuns).toBe(6);
});

it("does not give a task up after few tries, or while pieces come from elsewhere", async () => {
  const { store, stored, session, failAtMs } = await failingTask();
  await using _store = store;
  for (const minutes of [0, 2, 4, 6]) await failAtMs(minutes * 60_000);
  expect(session.failure).toBeUndefined();
  await putPieces(stored, 1);
  for (const minutes of [8, 10, 12, 14]) await failAtMs(minutes * 60_000);
  expect(session.failure).toBeUndefined();
  await failAtMs(16 * 60_000);
  expect(session.failure?.code).toBe("ORIGIN_FAILED");
});

it("gives a task up at once when there is no room for its pieces", async () => {
  const { store, session, failAtMs } = await failingTask("STORAGE_FULL");
  await using _store = store;
  await failAtMs(0);
  expect(session.failure?.code).toBe("STORAGE_FULL");
});
