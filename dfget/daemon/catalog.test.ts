import { readFile, stat, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { silentLog } from "../../platform/log.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { CATALOG_MAX, Catalog, PINS_MAX, askedKey } from "./catalog.ts";

function taskId(number: number): TaskId {
  return parseTaskId(`url:${number.toString(16).padStart(64, "0")}`)!;
}

describe("the catalog of a node", () => {
  it("is the same after a restart, and readable by its owner alone", async () => {
    await using home = await TemporaryDirectory.create("catalog");
    const path = home.join("catalog.json");
    const first = await Catalog.open(path, silentLog);
    first.note(taskId(1), { source: "http://h/f", isPrivate: true, asked: askedKey("a") });
    first.note(taskId(1), { isPinned: true });
    first.note(taskId(2), { name: "n" });
    await first.close();
    const second = await Catalog.open(path, silentLog);
    expect(second.get(taskId(1))).toMatchObject({ source: "http://h/f", isPrivate: true });
    expect(second.pinned()).toEqual([taskId(1)]);
    expect(second.lastFor(askedKey("a"))).toBe(taskId(1));
    expect(second.get(taskId(2))?.name).toBe("n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("gives a name to one task at a time, and forgets what is forgotten", async () => {
    await using home = await TemporaryDirectory.create("catalog");
    const catalog = await Catalog.open(home.join("c"), silentLog);
    catalog.note(taskId(1), { name: "model", asked: "q" });
    catalog.note(taskId(2), { name: "model", asked: "q" });
    expect(catalog.get(taskId(1))?.name).toBeUndefined();
    expect(catalog.lastFor("q")).toBe(taskId(2));
    catalog.forget(taskId(1));
    expect(catalog.lastFor("q")).toBe(taskId(2));
    catalog.forget(taskId(2));
    expect(catalog.lastFor("q")).toBeUndefined();
    await catalog.close();
    expect(await readFile(home.join("c"), "utf8")).toBe("{}");
  });

  it("begins anew where its file is none", async () => {
    await using home = await TemporaryDirectory.create("catalog");
    for (const text of ["", "nonsense", "[]", '{"url:x": {}}', '{"a": 1}', "null"]) {
      await writeFile(home.join("c"), text);
      const catalog = await Catalog.open(home.join("c"), silentLog);
      expect(catalog.pinned()).toEqual([]);
    }
  });

  it("is bounded: pins are refused, and of the rest the oldest go", async () => {
    await using home = await TemporaryDirectory.create("catalog");
    const catalog = await Catalog.open(home.join("c"), silentLog);
    for (let i = 0; i < PINS_MAX; i++) catalog.note(taskId(i), { isPinned: true });
    expect(() => catalog.note(taskId(PINS_MAX), { isPinned: true })).toThrow("unpin some");
    for (let i = PINS_MAX; i <= CATALOG_MAX; i++) catalog.note(taskId(i), { name: `n${i}` });
    expect(catalog.get(taskId(0))?.isPinned).toBe(true);
    expect(catalog.get(taskId(PINS_MAX))).toBeUndefined();
    expect(catalog.get(taskId(CATALOG_MAX))?.name).toBe(`n${CATALOG_MAX}`);
    await catalog.close();
  });
});
