import { expect, it } from "vitest";

import { RecentMap } from "./recent-map.ts";

it("a full map forgets the entry that was used longest ago", () => {
  const map = new RecentMap<string, { n: number }>(2);
  map.set("a", { n: 1 });
  map.set("b", { n: 2 });
  expect(map.get("a")).toEqual({ n: 1 });
  map.set("c", { n: 3 });
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([{ n: 1 }, undefined, { n: 3 }]);
  map.delete("a");
  expect([map.get("a"), map.size]).toEqual([undefined, 1]);
});
