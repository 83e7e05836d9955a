import { describe, expect, it } from "vitest";

import type { TaskId } from "../../protocol/task-id.ts";
import { RESTING_MAX, Sessions } from "./sessions.ts";

const idOf = (n: number) => `url:${n.toString(16).padStart(64, "0")}` as TaskId;

describe("tasks at rest", () => {
  it("are so few that a supernode takes them all, and the number of one forgotten is told", () => {
    const sessions = new Sessions();
    for (let n = 1; n <= RESTING_MAX; n++) expect(sessions.rest(idOf(n), n)).toBeUndefined();
    sessions.rest(idOf(1), 1);
    expect(sessions.rest(idOf(0), RESTING_MAX + 1)).toBe(2);
    expect(sessions.restingNumber(idOf(2))).toBeUndefined();
    expect(sessions.restingNumber(idOf(1))).toBe(1);
  });
});
