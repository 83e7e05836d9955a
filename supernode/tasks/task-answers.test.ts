import { expect, it } from "vitest";

import { WHOLE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { AnsweredTask } from "./task-answers.ts";
import { TaskAnswers } from "./task-answers.ts";
import type { TaskJoin } from "./task-members.ts";
import { TaskMembers } from "./task-members.ts";

it("lets only so much wait for a node that reads nothing, also when it asks for all at once", async () => {
  const waiting: (() => SupernodeFrame | undefined)[] = [];
  const link = {
    sendWhenDrained: (make: () => SupernodeFrame | undefined) => void waiting.push(make),
    get waitingCount() {
      return waiting.length;
    },
  };
  const lengthBytes = 700_000;
  const stored = {
    record: { lengthBytes },
    have: { length: 3 },
    certificate: () => new Uint8Array(97),
    read: async () => undefined,
  };
  const members = new TaskMembers();
  const task = {
    taskId: `url:${"ab".repeat(32)}` as TaskId,
    members,
    pieces: { shape: { lengthBytes, pieceLengthBytes: 256 * 1024 }, stored },
    isComplete: true,
    markFull: () => undefined,
  } as unknown as AnsweredTask;
  const small = { get: () => undefined, keep: () => undefined };
  const answers = new TaskAnswers(task, undefined as never, small as never);
  const node = { host: 1, link } as unknown as ConnectedNode;
  for (let number = 1; number <= 200; number++) {
    const join = { node, number, wholeBytesMax: WHOLE_LENGTH_BYTES_MAX } as unknown as TaskJoin;
    members.add(join);
    answers.answer(join);
  }
  await expect.poll(() => waiting.length).toBe(400);
  const frames = waiting.map((make) => make());
  expect(frames.filter((frame) => frame?.kind === "task")).toHaveLength(200);
  const whole = frames.filter((frame) => frame?.kind === "task" && frame.content !== undefined);
  expect(whole).toHaveLength(32);
});
