import * as fc from "fast-check";
import { expect, it } from "vitest";

import { LongFrames } from "./long-frames.ts";

const ANSWER = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nupgrade: frames\r\n\r\n");
const FRAME_BYTES_MAX = 300_000;

/** Four bytes with the length of all, and as many bytes as are missing, drawn from the length. */
function frameOf(lengthBytes: number): Buffer {
  const frame = Buffer.alloc(lengthBytes, lengthBytes % 251);
  frame.writeUInt32BE(lengthBytes, 0);
  return frame;
}

/** Receives bytes in reads of at most these lengths, in turn, as a socket would, and returns the chunks that were handed on. */
function receive(bytes: Buffer, readBytes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  const frames = new LongFrames(
    (head) => (head.length < 4 ? undefined : head.readUInt32BE(0)),
    FRAME_BYTES_MAX,
    (chunk) => {
      chunks.push(chunk);
      return true;
    },
  );
  const { onread } = frames;
  let offset = 0;
  for (let read = 0; offset < bytes.length; read++) {
    const room = (onread.buffer as () => Uint8Array)();
    const lengthBytes = Math.min(room.length, readBytes[read % readBytes.length]!);
    const copiedBytes = bytes.copy(room, 0, offset, offset + lengthBytes);
    offset += copiedBytes;
    onread.callback(copiedBytes, room);
  }
  return chunks;
}

it("a long frame comes in one chunk, and all bytes as they were sent, however they arrive", () => {
  const lengths = fc.array(
    fc.oneof(fc.integer({ min: 4, max: 300 }), fc.integer({ min: 60_000, max: 320_000 })),
    { maxLength: 6 },
  );
  const reads = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1000 })), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(lengths, reads, (frameLengths, readBytes) => {
      const slowest = Math.max(...readBytes) < 10 ? [...readBytes, 50_000] : readBytes;
      const frames = frameLengths.map(frameOf);
      const sent = Buffer.concat([ANSWER, ...frames]);
      const chunks = receive(sent, slowest);
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      const long = frames.filter(({ length }) => length >= 64 * 1024 && length <= FRAME_BYTES_MAX);
      for (const frame of long) expect(chunks.some((chunk) => chunk.equals(frame))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("what was handed on does not change when more is received", () => {
  const sent = Buffer.concat([ANSWER, frameOf(1000), frameOf(2000), frameOf(70_000), frameOf(50)]);
  const chunks = receive(sent, [ANSWER.length + 1000, 2000, 30_000]);
  expect(Buffer.concat(chunks).equals(sent)).toBe(true);
});

it("no frame is looked for in what comes after a refusal", () => {
  const body = Buffer.alloc(100_000, 1);
  const sent = Buffer.concat([Buffer.from("HTTP/1.1 404 Not Found\r\n\r\n"), body]);
  expect(Buffer.concat(receive(sent, [10_000])).equals(sent)).toBe(true);
  const endless = Buffer.alloc(100_000, "a");
  expect(Buffer.concat(receive(endless, [10_000])).equals(endless)).toBe(true);
});
