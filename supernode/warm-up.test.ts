import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import { parseTaskId } from "../protocol/task-id.ts";
import { AssemblyThread } from "./seed/assembly-thread.ts";
import { SeedRecords } from "./seed/seed-records.ts";
import { warmUpSeed } from "./warm-up.ts";

describe.runIf(process.platform === "linux")("a supernode that warms up", () => {
  let stack: AsyncDisposableStack;
  let deps: Parameters<typeof warmUpSeed>[0];

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "darter-warm-up-"));
    stack.defer(() => rm(directory, { recursive: true }));
    const records = stack.use(await SeedRecords.open(directory, { log: silentLog }));
    const assemblies = stack.use(new AssemblyThread({ log: silentLog }));
    deps = { records, assemblies, clock: systemClock, random: () => 0.5, log: silentLog };
  });

  afterEach(() => stack.disposeAsync());

  it("seeds a content of its own and hands it out, and leaves nothing behind", async () => {
    const connections = (): string[] =>
      process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP"));
    const before = connections();
    await expect(warmUpSeed(deps, AbortSignal.timeout(10_000))).resolves.toBe(true);
    await expect.poll(connections).toEqual(before);
    const taskId = parseTaskId(`url:${"0".repeat(64)}`)!;
    expect(await deps.records.resumeVersion(taskId)).toBeUndefined();
    expect(await deps.records.proof(taskId)).toBeUndefined();
  });

  it("does no harm where it cannot be done", async () => {
    await expect(warmUpSeed(deps, AbortSignal.abort())).resolves.toBe(false);
    await expect(warmUpSeed(deps, AbortSignal.timeout(10_000))).resolves.toBe(true);
  });
});
