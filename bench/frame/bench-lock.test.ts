import { expect, it } from "vitest";

import { lockBench } from "./bench-lock.ts";

it("lets one run of a bench in, and names the process that is in to the next", async () => {
  const name = `test-${process.pid}`;
  await using held = await lockBench(name);
  await expect(lockBench(name)).rejects.toThrow(
    `another run of bench:${name} is going on (process ${process.pid})`,
  );
  await using other = await lockBench(`${name}-other`);
  expect([held, other]).toHaveLength(2);
});

it("lets the next run in when the one before is over", async () => {
  const name = `test-again-${process.pid}`;
  await (await lockBench(name))[Symbol.asyncDispose]();
  await using again = await lockBench(name);
  expect(again).toBeDefined();
});
