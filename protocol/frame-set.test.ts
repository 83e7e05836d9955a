import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { nodeFrame, peerFrame, supernodeFrame } from "../test/fixtures/frame-arbitraries.ts";
import type { NodeFrame, SupernodeFrame } from "./node-frames.ts";
import { nodeFrames, supernodeFrames } from "./node-frames.ts";
import type { PeerFrame } from "./peer-frames.ts";
import { peerFrames } from "./peer-frames.ts";
import { FrameError, Writer } from "./wire.ts";

type AnyFrame = NodeFrame | SupernodeFrame | PeerFrame;

interface Channel {
  readonly name: string;
  readonly frame: fc.Arbitrary<AnyFrame>;
  encode(frame: AnyFrame): Uint8Array;
  decode(bytes: Uint8Array): AnyFrame | undefined;
}

const channels: Channel[] = [
  { name: "node to supernode", frame: nodeFrame, ...(nodeFrames as never as Codec) },
  { name: "supernode to node", frame: supernodeFrame, ...(supernodeFrames as never as Codec) },
  { name: "peer to peer", frame: peerFrame, ...(peerFrames as never as Codec) },
];
type Codec = Pick<Channel, "encode" | "decode">;

/** What a receiver does with bytes: a frame, undefined for one to be ignored, or a FrameError. */
function read(channel: Channel, bytes: Uint8Array): AnyFrame | "ignored" | "refused" {
  try {
    return channel.decode(bytes) ?? "ignored";
  } catch (error) {
    if (error instanceof FrameError) return "refused";
    throw error;
  }
}

describe("a frame with something long in it", () => {
  it("is written in parts, of which the long one is not copied", () => {
    const content = new Uint8Array(300_000).fill(7);
    const frame = {
      kind: "task",
      task: 3,
      taskId: "x",
      pieceLengthBytes: 1,
      neighbours: [],
      content,
      lastModified: "later",
    } as const;
    const parts = supernodeFrames.encodeParts(frame);
    expect(parts).toContain(content);
    const joined = new Uint8Array(parts.flatMap((part) => [...part]));
    expect(joined).toEqual(supernodeFrames.encode(frame));
    expect(supernodeFrames.decode(joined)).toEqual(frame);
  });
});

describe.each(channels)("a frame from $name", (channel) => {
  it("is read as it was written, whatever is in it", () => {
    fc.assert(
      fc.property(channel.frame, (frame) => {
        expect(channel.decode(channel.encode(frame))).toEqual(frame);
      }),
      { numRuns: 500 },
    );
  });

  it("is read or refused and never anything else when its bytes are arbitrary", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        read(channel, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("is read or refused when some of its bytes are changed, cut off or added", () => {
    fc.assert(
      fc.property(
        channel.frame,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        fc.uint8Array({ maxLength: 4 }),
        (frame, changes, cut, added) => {
          const bytes = channel.encode(frame);
          for (const [place, value] of changes) bytes[place % bytes.length] = value;
          read(channel, bytes.subarray(0, cut % (bytes.length + 1)));
          read(channel, new Uint8Array([...bytes, ...added]));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("is refused when it ends inside a field", () => {
    fc.assert(
      fc.property(channel.frame, (frame) => {
        const bytes = channel.encode(frame);
        // Its last byte is part of a field, and a field without its end is no field.
        const cut = read(channel, bytes.subarray(0, -1));
        if (bytes.length > 1) expect(cut).not.toEqual(frame);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps its meaning when a later version adds fields to it", () => {
    fc.assert(
      fc.property(channel.frame, fc.nat(1_000_000), fc.uint8Array(), (frame, number, value) => {
        const later = new Writer();
        later.varint((number + 1000) * 8 + 2);
        later.bytes(value);
        later.varint((number + 1001) * 8);
        later.varint(number);
        const bytes = new Uint8Array([...channel.encode(frame), ...later.finish()]);
        expect(channel.decode(bytes)).toEqual(frame);
      }),
      { numRuns: 300 },
    );
  });

  it("of a kind that this version does not know is ignored", () => {
    expect(channel.decode(new Uint8Array([200, 1, 2, 3]))).toBeUndefined();
  });

  it("is refused when it is empty", () => {
    expect(() => channel.decode(new Uint8Array())).toThrow("frame is empty");
  });
});

describe("a frame", () => {
  it("is refused without a field that it must have, and the error names the field", () => {
    expect(() => nodeFrames.decode(new Uint8Array([3]))).toThrow("field task is missing");
  });

  it("is refused when a field has the wire type of another", () => {
    expect(() => nodeFrames.decode(new Uint8Array([3, 0x0a, 1, 7]))).toThrow(
      "field task has another type",
    );
  });

  it("is refused when a text is longer than its limit, or is not UTF-8", () => {
    const hello: NodeFrame = {
      kind: "hello",
      nodeId: "0".repeat(33),
      endpoint: "a:1",
      zone: "",
      publicKey: new Uint8Array(32),
      software: "x",
    };
    const bytes = nodeFrames.encode(hello);
    expect(() => nodeFrames.decode(bytes)).toThrow("text is longer than 32 bytes");
    bytes[2] = 32;
    bytes[3] = 0xff;
    expect(() => nodeFrames.decode(bytes)).toThrow("text is not UTF-8");
  });

  it("is refused when a word is not in its list", () => {
    const decline = peerFrames.encode({
      kind: "decline",
      task: 1,
      reason: "nothing",
      freeSlots: 0,
    });
    expect(decline[4]).toBe(2);
    for (const place of [0, 3]) {
      decline[4] = place;
      expect(() => peerFrames.decode(decline)).toThrow("word is not in the list");
    }
  });

  it("is refused when a list is longer than its limit", () => {
    const pieces = Array.from({ length: 257 }, (_, index) => index);
    const offer = supernodeFrames.encode({ kind: "offer", task: 1, pieces });
    expect(() => supernodeFrames.decode(offer)).toThrow("more than 256 integers");
    const nodeIds = Array.from({ length: 1025 }, () => "0".repeat(32));
    const ban = supernodeFrames.encode({ kind: "ban", nodeIds, forMs: 1 });
    expect(() => supernodeFrames.decode(ban)).toThrow("more than 1024 values");
  });

  it("carries views into what was received, so that a large one is not copied", () => {
    const frame = nodeFrames.encode({ kind: "progress", task: 1, have: new Uint8Array(1000) });
    const decoded = nodeFrames.decode(frame);
    expect((decoded as { have: Uint8Array }).have.buffer).toBe(frame.buffer);
  });
});
