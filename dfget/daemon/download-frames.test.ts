import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  DOWNLOAD_FRAME_BYTES_MAX,
  DownloadFrameError,
  contentHeader,
  eventFrame,
  readDownloadFrames,
} from "./download-frames.ts";

const opened = { event: "opened", taskId: "url:00", firstSource: "seed" } as const;

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (let i = 0; offset < bytes.length; i++) {
    const end = offset + (sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(offset, end);
    offset = end;
  }
}

async function readAll(chunks: AsyncIterable<Uint8Array>) {
  const content: number[] = [];
  const events: unknown[] = [];
  for await (const part of readDownloadFrames(chunks)) {
    if (part.kind === "content") content.push(...part.bytes);
    else events.push(part.event);
  }
  return { content, events };
}

describe("the frames of a download", () => {
  it("are read alike however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
        async (blocks, sizes) => {
          const frames = blocks.flatMap((block) => [
            contentHeader(block.length),
            block,
            eventFrame(opened),
          ]);
          const read = await readAll(cut(Buffer.concat(frames), sizes));
          expect(read.content).toEqual(blocks.flatMap((block) => [...block]));
          expect(read.events).toEqual(blocks.map(() => opened));
        },
      ),
    );
  });

  it("are refused when the stream ends inside one", async () => {
    const whole = Buffer.concat([contentHeader(10), new Uint8Array(10), eventFrame(opened)]);
    for (const lengthBytes of [3, 5, 12, whole.length - 1]) {
      await expect(readAll(cut(whole.subarray(0, lengthBytes), [7]))).rejects.toThrow(
        DownloadFrameError,
      );
    }
  });

  it("are refused when they are of no known kind, too long, or hold no known event", async () => {
    const tooLong = contentHeader(DOWNLOAD_FRAME_BYTES_MAX + 1);
    const noEvent = Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), Buffer.from("{}")]);
    const noJson = Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), Buffer.from("{{")]);
    for (const bytes of [Buffer.from("HTTP/1.1 200"), tooLong, noEvent, noJson]) {
      await expect(readAll(cut(bytes, [64]))).rejects.toThrow(DownloadFrameError);
    }
  });
});
