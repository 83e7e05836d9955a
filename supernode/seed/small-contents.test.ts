import { describe, expect, it } from "vitest";

import type { TaskId } from "../../protocol/task-id.ts";
import {
  SMALL_CONTENTS_BYTES_MAX,
  SMALL_CONTENT_BYTES_MAX,
  SmallContents,
} from "./small-contents.ts";

const certificate = new Uint8Array(97);
const idOf = (index: number): TaskId => `sha256:${String(index).padStart(64, "0")}` as TaskId;

describe("short contents in memory", () => {
  it("are given until so many others came that those used longest ago must go", () => {
    const small = new SmallContents();
    const content = new Uint8Array(SMALL_CONTENT_BYTES_MAX);
    const fitting = Math.floor(SMALL_CONTENTS_BYTES_MAX / (content.length + 1000));
    for (let i = 0; i < fitting; i++) small.keep(idOf(i), { content, certificate });
    expect(small.get(idOf(0))?.content).toBe(content);
    for (let i = fitting; i < fitting + 10; i++) small.keep(idOf(i), { content, certificate });
    expect(small.has(idOf(0))).toBe(true);
    expect(small.has(idOf(1))).toBe(false);
    expect(small.has(idOf(fitting + 9))).toBe(true);
  });

  it("are counted once however often they are kept, and not when they are forgotten", () => {
    const small = new SmallContents();
    const content = new Uint8Array(SMALL_CONTENT_BYTES_MAX);
    small.keep(idOf(1), { content: new Uint8Array(5), certificate });
    for (let i = 0; i < 1000; i++) small.keep(idOf(2), { content, certificate });
    for (let i = 0; i < 1000; i++) {
      small.keep(idOf(3), { content, certificate });
      small.forget(idOf(3));
    }
    expect(small.has(idOf(1))).toBe(true);
  });

  it("are not kept when they are long", () => {
    const small = new SmallContents();
    small.keep(idOf(1), { content: new Uint8Array(SMALL_CONTENT_BYTES_MAX + 1), certificate });
    expect(small.get(idOf(1))).toBeUndefined();
  });
});
