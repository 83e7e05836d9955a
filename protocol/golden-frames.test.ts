import { describe, expect, it } from "vitest";

import type { NodeFrame, SupernodeFrame } from "./node-frames.ts";
import { nodeFrames, supernodeFrames } from "./node-frames.ts";
import type { PeerFrame } from "./peer-frames.ts";
import { peerFrames } from "./peer-frames.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/*
 * The bytes of one frame of each kind. Programs of another release write and read these: when a line here
 * has to change, the protocol has changed, and its version must too.
 */

const ID = "0123456789abcdef0123456789abcdef";
const TASK = `sha256:${"ab".repeat(32)}`;
const idHex = Buffer.from(ID).toString("hex");
const taskHex = Buffer.from(TASK).toString("hex");
const bytes = (...values: number[]) => new Uint8Array(values);

const fromNode: [NodeFrame, string][] = [
  [
    {
      kind: "hello",
      nodeId: ID,
      endpoint: "10.0.0.1:65002",
      zone: "eu|a",
      publicKey: bytes(1, 2, 3),
      software: "0.1.0",
      uploadBytesPerSecond: 300,
    },
    `010a20${idHex}120e31302e302e302e313a36353030321a0465757c6122030102032a05302e312e3030ac02`,
  ],
  [
    {
      kind: "join",
      task: 5,
      taskId: TASK,
      origin: { url: "http://o/f", headers: [{ name: "a", value: "b" }] },
      identity: { filteredQueryParameters: ["sig"], tag: "t" },
      pieceLengthBytes: 1_048_576,
      holding: { pieceLengthBytes: 262_144, lengthBytes: 500_000, have: bytes(3) },
    },
    `0208051247${taskHex}1a140a0a687474703a2f2f6f2f6612060a016112016222080a0373696712017428808040320b0880801010a0c21e1a0103`,
  ],
  [{ kind: "leave", task: 300 }, "0308ac02"],
  [{ kind: "progress", task: 1, have: bytes(255, 1) }, "0408011202ff01"],
  [{ kind: "refuse-offer", task: 1, piece: 7 }, "0508011007"],
  [
    { kind: "blame", task: 1, nodeId: ID, piece: 2, reason: "corrupt" },
    `0608011220${idHex}18022002`,
  ],
  [{ kind: "starve", task: 1 }, "070801"],
  [{ kind: "renew", task: 1, admission: bytes(9) }, "080801120109"],
  [
    { kind: "want", task: 1, pieces: [2, 300], isAgain: true, isWhole: false },
    "090801120302ac0218012000",
  ],
];

const fromSupernode: [SupernodeFrame, string][] = [
  [
    {
      kind: "welcome",
      supernodeId: ID,
      publicKey: bytes(1),
      endorsement: bytes(2),
      seedUrl: "http://s",
      heartbeatMs: 5000,
    },
    `010a20${idHex}1201011a01022208687474703a2f2f73288827`,
  ],
  [
    {
      kind: "task",
      task: 1,
      taskId: TASK,
      pieceLengthBytes: 262_144,
      lengthBytes: 3,
      mediaType: "a/b",
      neighbours: [{ nodeId: ID, endpoint: "h:1" }],
      content: bytes(9),
      certificate: bytes(8),
    },
    `0208011247${taskHex}1880801020032a03612f6232270a20${idHex}1203683a313a0109420108`,
  ],
  [{ kind: "length", task: 1, lengthBytes: 2 ** 40 }, "03080110808080808020"],
  [{ kind: "proven", task: 1 }, "040801"],
  [{ kind: "offer", task: 1, pieces: [0, 1, 300] }, "05080112040001ac02"],
  [
    { kind: "neighbours", task: 1, neighbours: [{ nodeId: ID, endpoint: "h:1" }], far: true },
    `06080112270a20${idHex}1203683a311801`,
  ],
  [{ kind: "ban", nodeIds: [ID], forMs: 30_000 }, `070a20${idHex}10b0ea01`],
  [{ kind: "ask-progress", task: 1 }, "080801"],
  [
    {
      kind: "abort",
      task: 1,
      code: "INTERNAL",
      message: "m",
      originStatus: 401,
      challenge: "B",
      discard: true,
    },
    "0908011208494e5445524e414c1a016d2091032a01423001",
  ],
  [{ kind: "stripes", task: 1, mask: bytes(15) }, "0a080112010f"],
  [{ kind: "admission", task: 1, admission: bytes(9) }, "0b0801120109"],
];

const fromPeer: [PeerFrame, string][] = [
  [{ kind: "greeting", nodeId: ID, endpoint: "h:1" }, `010a20${idHex}1203683a31`],
  [
    {
      kind: "hello",
      task: 1,
      taskId: TASK,
      pieceLengthBytes: 262_144,
      lengthBytes: 3,
      have: bytes(1),
      pieceCount: 1,
      freeSlots: 6,
      ageMs: 10,
      wants: bytes(7),
    },
    `0208011247${taskHex}1880801020032a010130013806400a4a0107`,
  ],
  [
    {
      kind: "hello",
      task: 1,
      taskId: TASK,
      pieceLengthBytes: 262_144,
      have: bytes(1),
      pieceCount: 1,
      freeSlots: 6,
      ageMs: 10,
      isUnanswered: true,
    },
    `0208011247${taskHex}188080102a010130013806400a5001`,
  ],
  [{ kind: "have", task: 1, pieces: [4], freeSlots: 2 }, "0308011201041802"],
  [{ kind: "grant", task: 1 }, "040801"],
  [{ kind: "decline", task: 1, reason: "nothing", freeSlots: 0 }, "05080110021800"],
  [{ kind: "leave", task: 1 }, "060801"],
  [
    { kind: "claim", task: 1, firstPiece: 8, pieceCount: 4, owner: 4_000_000_000 },
    "070801100818042080d0acf30e",
  ],
];

const hex = (frame: Uint8Array) => Buffer.from(frame).toString("hex");

describe(`the bytes of version ${PROTOCOL_VERSION}`, () => {
  it.each(fromNode)("from a node: %o", (frame, golden) => {
    expect(hex(nodeFrames.encode(frame))).toBe(golden);
  });

  it.each(fromSupernode)("from a supernode: %o", (frame, golden) => {
    expect(hex(supernodeFrames.encode(frame))).toBe(golden);
  });

  it.each(fromPeer)("between peers: %o", (frame, golden) => {
    expect(hex(peerFrames.encode(frame))).toBe(golden);
  });
});
