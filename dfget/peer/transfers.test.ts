import { describe, expect, it } from "vitest";

import { Transfers } from "./transfers.ts";

/** A transfer that a test ends by hand, and that takes a moment to stop when it is aborted. */
function controlled(transfers: Transfers, from: number) {
  const bytesHere = Promise.withResolvers<void>();
  const events: string[] = [];
  const result = transfers
    .start(from, 1, 7, async (signal, endRivals) => {
      signal.addEventListener("abort", () => {
        events.push("aborted");
        bytesHere.reject(new Error("aborted"));
      });
      await bytesHere.promise;
      const wasContested = await endRivals();
      return wasContested ? "contested" : "alone";
    })
    .catch((error: Error) => error.message);
  return { arrive: () => bytesHere.resolve(), events, result };
}

describe("transfers", () => {
  it("tells a transfer that ran alone so", async () => {
    const only = controlled(new Transfers(), 3);
    only.arrive();
    expect(await only.result).toBe("alone");
  });

  it("stops the twin of a transfer that has its bytes, and says that it may have written", async () => {
    const transfers = new Transfers();
    const slow = controlled(transfers, 3);
    const fast = controlled(transfers, 4);
    fast.arrive();
    expect(await fast.result).toBe("contested");
    expect(slow.events).toEqual(["aborted"]);
    expect(await slow.result).toBe("aborted");
  });

  it("remembers a twin that ended before", async () => {
    const transfers = new Transfers();
    const first = controlled(transfers, 3);
    const second = controlled(transfers, 4);
    transfers.abort(4, 1, 7);
    await second.result;
    first.arrive();
    expect(await first.result).toBe("contested");
  });

  it("lets one of two win that have their bytes at the same moment", async () => {
    const transfers = new Transfers();
    const a = controlled(transfers, 3);
    const b = controlled(transfers, 4);
    a.arrive();
    b.arrive();
    const results = await Promise.all([a.result, b.result]);
    expect(results.toSorted()).toEqual(["contested", "outrun"]);
  });

  it("lets nobody begin with a piece that somebody has all bytes of and is about to commit", async () => {
    const transfers = new Transfers();
    const committing = Promise.withResolvers<void>();
    const winner = transfers.start(3, 1, 7, async (_signal, endRivals) => {
      const isContested = await endRivals();
      await committing.promise;
      return isContested;
    });
    const late = controlled(transfers, 4);
    expect(await late.result).toBe("outrun");
    const settled = transfers.winnerSettled(1, 7);
    committing.resolve();
    await settled;
    expect(await winner).toBe(false);
  });

  it("aborts only the transfer that is named", async () => {
    const transfers = new Transfers();
    const a = controlled(transfers, 3);
    transfers.abort(4, 1, 7);
    transfers.abort(3, 1, 8);
    expect(a.events).toEqual([]);
    transfers.abort(3, 1, 7);
    expect(await a.result).toBe("aborted");
  });

  it("waits for every transfer of a task that it ends", async () => {
    const transfers = new Transfers();
    const a = controlled(transfers, 3);
    const b = controlled(transfers, 4);
    await transfers.abortTask(1);
    expect(await Promise.all([a.result, b.result])).toEqual(["aborted", "aborted"]);
  });
});
