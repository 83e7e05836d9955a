import { describe, expect, it } from "vitest";

import { silentLog } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import {
  PIECE_LENGTH_BYTES,
  testBytes,
  testCertificate,
} from "../../test/conformance/piece-fixture.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import type { TaskFrame } from "./joins.ts";
import { Sessions } from "./sessions.ts";
import { WholeFiles } from "./whole-files.ts";

const never = new AbortController().signal;
const taskId = `url:${"ab".repeat(32)}` as TaskId;
const request = { origin: { url: "http://a.example/f", headers: new Map() } };

function createFiles(answer: Partial<TaskFrame>, quotaBytes = 0) {
  const store = openMemoryStore({ quotaBytes });
  const sessions = new Sessions();
  const left: number[] = [];
  const received: number[] = [];
  const content = testBytes(0, 1000);
  const files = new WholeFiles({
    opener: {
      ask: async () => ({
        number: sessions.allot(),
        frame: {
          kind: "task",
          task: 1,
          taskId,
          pieceLengthBytes: PIECE_LENGTH_BYTES,
          lengthBytes: 1000,
          mediaType: "text/plain",
          lastModified: "Tue, 01 Sep 2026 10:00:00 GMT",
          neighbours: [],
          content,
          certificate: testCertificate(content),
          ...answer,
        },
      }),
    },
    joins: { takeEarly: () => [] },
    sessions,
    store,
    metrics: { pieceReceived: (_source, lengthBytes) => void received.push(lengthBytes) },
    log: silentLog,
    leave: (task) => void left.push(task),
  });
  return { files, store, sessions, left, received, content };
}

describe("a small file that comes whole with the supernode's answer", () => {
  it("goes to whoever asked and to the store, and the node holds it as a task at rest", async () => {
    const { files, store, sessions, left, received, content } = createFiles({});
    await using _store = store;
    const file = await files.fetch(request, never);
    expect(file).toMatchObject({ taskId, mediaType: "text/plain" });
    expect(file!.bytes).toEqual(content);
    expect(file!.lastModified).toBe("Tue, 01 Sep 2026 10:00:00 GMT");
    expect([sessions.restingNumber(taskId), left, received]).toEqual([1, [], [1000]]);
    using stored = await store.find(taskId);
    expect([stored!.isComplete, stored!.record.isProven]).toEqual([true, true]);
  });

  it("is held once, whoever asks for it again", async () => {
    const { files, store, sessions, left, content } = createFiles({});
    await using _store = store;
    await files.fetch(request, never);
    expect((await files.fetch(request, never))!.bytes).toEqual(content);
    expect([sessions.restingNumber(taskId), left]).toEqual([1, [2]]);
  });

  it("may have several pieces, each with its certificate", async () => {
    const pieces = [testBytes(0), testBytes(1), testBytes(2, 5)];
    const content = Buffer.concat(pieces);
    const [certificate, ...otherCertificates] = pieces.map(testCertificate);
    const shape = { lengthBytes: content.length, content, certificate: certificate! };
    const it = createFiles({ ...shape, otherCertificates });
    await using store = it.store;
    expect((await it.files.fetch(request, never))!.bytes).toEqual(content);
    expect(it.received).toEqual([PIECE_LENGTH_BYTES, PIECE_LENGTH_BYTES, 5]);
    using stored = await store.find(taskId);
    expect([...stored!.have]).toEqual([0, 1, 2]);
    const lacking = createFiles({ ...shape, otherCertificates: otherCertificates.slice(1) });
    await using _lacking = lacking.store;
    expect(await lacking.files.fetch(request, never)).toBeUndefined();
  });

  it("goes to whoever asked also where there is no room for it", async () => {
    const { files, store, sessions, left, content } = createFiles({}, 999);
    await using _store = store;
    expect((await files.fetch(request, never))!.bytes).toEqual(content);
    expect([sessions.restingNumber(taskId), left]).toEqual([undefined, [1]]);
  });

  it("may be empty, and is not kept then", async () => {
    const { files, store, left } = createFiles({ lengthBytes: 0, content: undefined });
    await using _store = store;
    expect((await files.fetch(request, never))!.bytes).toHaveLength(0);
    expect([store.list(), left]).toEqual([[], [1]]);
  });

  it.each([
    ["of a long file", { lengthBytes: 1e9, content: undefined, certificate: undefined }],
    ["of unknown length", { lengthBytes: undefined, content: undefined, certificate: undefined }],
    ["without a certificate", { certificate: undefined }],
    ["of another length", { lengthBytes: 999 }],
    ["with a malformed task", { taskId: "nothing" }],
    ["of a digest that the content has not", { taskId: `sha256:${"ab".repeat(32)}` }],
  ])("is opened like any other where the answer is one %s", async (_name, answer) => {
    const { files, store, left } = createFiles(answer);
    await using _store = store;
    expect(await files.fetch(request, never)).toBeUndefined();
    expect([store.list(), left]).toEqual([[], [1]]);
  });

  it("cannot be had when the supernode says so", async () => {
    const { store, sessions } = createFiles({});
    await using _store = store;
    const refusal = new ProtocolError("ORIGIN_NOT_FOUND", "there is no file");
    const files = new WholeFiles({
      opener: { ask: async () => await Promise.reject(refusal) },
      joins: { takeEarly: () => [] },
      sessions,
      store,
      metrics: { pieceReceived: () => undefined },
      log: silentLog,
      leave: () => undefined,
    });
    await expect(files.fetch(request, never)).rejects.toBe(refusal);
  });
});
