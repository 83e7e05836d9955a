import { describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { PieceFetcher } from "../transfer/piece-fetcher.ts";
import { warmUpPeer } from "./warm-up.ts";

describe.runIf(process.platform === "linux")("a node that warms up", () => {
  it("fetches and reads a content of its own and leaves nothing open", async () => {
    await using fetcher = new PieceFetcher({ log: silentLog });
    const connections = (): string[] =>
      process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP"));
    const before = connections();
    const deps = { fetcher, clock: systemClock, log: silentLog };
    await expect(warmUpPeer(deps, AbortSignal.timeout(10_000))).resolves.toBe(true);
    expect(fetcher.fetchCount).toBe(0);
    await expect.poll(connections).toEqual(before);
  });

  it("does no harm where it cannot be done", async () => {
    await using fetcher = new PieceFetcher({ log: silentLog });
    const deps = { fetcher, clock: systemClock, log: silentLog };
    await expect(warmUpPeer(deps, AbortSignal.abort())).resolves.toBe(false);
    expect(fetcher.fetchCount).toBe(0);
  });
});
