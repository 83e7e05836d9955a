import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { contentHeader, eventFrame } from "../../dfget/daemon/download-frames.ts";
import { DownloadAnswer } from "./download-answer.ts";

const HEAD = Buffer.from("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
const CONTENT = Buffer.from("some content of a file");
const RECEIVED = { seed: 22, peers: 0, origin: 0 };
const ANSWER = Buffer.concat([
  HEAD,
  eventFrame({ event: "opened", taskId: "t", firstSource: "seed" }),
  contentHeader(10),
  CONTENT.subarray(0, 10),
  eventFrame({ event: "progress", heldBytes: 10, receivedBytes: RECEIVED }),
  contentHeader(CONTENT.length - 10),
  CONTENT.subarray(10),
  eventFrame({ event: "completed", lengthBytes: CONTENT.length, receivedBytes: RECEIVED }),
]);

function read(parts: readonly Uint8Array[]): { content: string; events: unknown[] } {
  const content: Buffer[] = [];
  const events: unknown[] = [];
  const answer = new DownloadAnswer({
    onContent: (bytes) => content.push(Buffer.from(bytes)),
    onEvent: ({ event }) => events.push(event),
  });
  for (const part of parts) answer.push(part);
  answer.end();
  return { content: Buffer.concat(content).toString(), events };
}

describe("the answer of a daemon", () => {
  it("gives content and events however it is cut", () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 0, max: ANSWER.length }), { maxLength: 20 });
    fc.assert(
      fc.property(cuts, (places) => {
        const edges = [0, ...places.toSorted((a, b) => a - b), ANSWER.length];
        const parts = edges.slice(1).map((end, i) => ANSWER.subarray(edges[i], end));
        expect(read(parts)).toEqual({
          content: CONTENT.toString(),
          events: ["opened", "progress", "completed"],
        });
      }),
    );
  });

  it("that ends early is refused", () => {
    for (const length of [5, HEAD.length + 3, ANSWER.length - 1]) {
      expect(() => read([ANSWER.subarray(0, length)])).toThrow(/ended/);
    }
  });

  it("that is a refusal is shown", () => {
    const refusal = 'HTTP/1.1 404 Not Found\r\n\r\n{"code":"NOT_FOUND"}';
    expect(() => read([Buffer.from(refusal)])).toThrow(/NOT_FOUND/);
  });

  it("with an unknown frame is refused", () => {
    const frame = Buffer.from([9, 0, 0, 0, 1, 0]);
    expect(() => read([HEAD, frame])).toThrow(/kind 9/);
  });
});
