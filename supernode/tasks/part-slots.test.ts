import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";

import { PartSlots } from "./part-slots.ts";

it("lets no node take all the room, nor all nodes together more than there is", async () => {
  const slots = new PartSlots(3, 2);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const runs: Promise<void>[] = [];
  const start = (host: number, name: string): void => {
    const run = slots.run(host, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
    });
    runs.push(run);
  };
  for (const name of ["a1", "a2", "a3"]) start(1, name);
  for (const name of ["b1", "b2"]) start(2, name);
  await turn();
  expect(begun).toEqual(["a1", "a2", "b1"]);
  ends.get("a1")!();
  await turn();
  expect(begun.slice(3)).toEqual(["b2"]);
  ends.get("b1")!();
  await turn();
  expect(begun.slice(4)).toEqual(["a3"]);
  for (const name of ["a2", "a3", "b2"]) ends.get(name)!();
  await Promise.all(runs);
  await expect(slots.run(1, async () => await Promise.reject(new Error("no")))).rejects.toThrow(
    "no",
  );
});
