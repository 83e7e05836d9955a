import { describe, expect, it } from "vitest";

import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { systemClock } from "../../platform/clock.ts";
import type { TaskFrame } from "./joins.ts";
import { Joins } from "./joins.ts";

const taskId = `sha256:${"a".repeat(64)}` as TaskId;
const never = new AbortController().signal;

function createJoins(options: { isConnected?: boolean } = {}) {
  const sent: NodeFrame[] = [];
  const joins = new Joins({
    send(frame) {
      sent.push(frame);
      return options.isConnected ?? true;
    },
    doubt: () => undefined,
    clock: systemClock,
  });
  return { joins, sent };
}

function answer(task: number): TaskFrame {
  return { kind: "task", task, taskId, pieceLengthBytes: 262_144, lengthBytes: 1, neighbours: [] };
}

describe("a join", () => {
  it("carries the origin and its headers, and gets the answer with its number", async () => {
    const { joins, sent } = createJoins();
    const headers = new Map([["accept", "*/*"]]);
    const asked = joins.ask(
      4,
      { taskId, origin: { url: "http://o/", headers } },
      undefined,
      false,
      never,
    );
    expect(sent).toMatchObject([
      { kind: "join", task: 4, taskId, origin: { headers: [{ name: "accept", value: "*/*" }] } },
    ]);
    expect(joins.answered(answer(5))).toBe(false);
    expect(joins.answered(answer(4))).toBe(true);
    expect((await asked).task).toBe(4);
  });

  it("keeps what is said of the task before it is open, for later", async () => {
    const { joins } = createJoins();
    const asked = joins.ask(4, { taskId }, undefined, false, never);
    joins.answered(answer(4));
    await asked;
    const offer = { kind: "offer", task: 4, pieces: [0] } as const;
    expect(joins.keep(4, offer)).toBe(true);
    expect(joins.takeEarly(4)).toEqual([offer]);
    expect(joins.keep(4, offer)).toBe(false);
  });

  it("fails with what the supernode says", async () => {
    const { joins } = createJoins();
    const asked = joins.ask(4, { taskId }, undefined, false, never);
    const abort = { kind: "abort", task: 4, code: "ORIGIN_NOT_FOUND", discard: false } as const;
    joins.refused({ ...abort, message: "the origin has no such content", originStatus: 404 });
    await expect(asked).rejects.toMatchObject({
      code: "ORIGIN_NOT_FOUND",
      message: "the origin has no such content",
      details: { originStatus: 404 },
    });
    expect(joins.keep(4, { kind: "ask-progress", task: 4 })).toBe(false);
  });

  it("takes a code that it does not know for an internal one", async () => {
    const { joins } = createJoins();
    const asked = joins.ask(4, { taskId }, undefined, false, never);
    joins.refused({ kind: "abort", task: 4, code: "NEW_ONE", message: "x", discard: false });
    await expect(asked).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("fails at once without a connection, and when the connection is lost", async () => {
    const { joins } = createJoins({ isConnected: false });
    await expect(joins.ask(1, { taskId }, undefined, false, never)).rejects.toMatchObject({
      code: "SUPERNODE_UNAVAILABLE",
    });
    const connected = createJoins().joins;
    const asked = connected.ask(1, { taskId }, undefined, false, never);
    connected.lost();
    await expect(asked).rejects.toMatchObject({ code: "SUPERNODE_UNAVAILABLE" });
  });

  it("is left when the caller no longer waits", async () => {
    const { joins, sent } = createJoins();
    const abort = new AbortController();
    const asked = joins.ask(9, { taskId }, undefined, false, abort.signal);
    abort.abort(new Error("gone"));
    await expect(asked).rejects.toThrow("gone");
    expect(sent.at(-1)).toEqual({ kind: "leave", task: 9 });
  });
});
