import { frameSet } from "./frame-set.ts";
import { field, optional } from "./wire.ts";
import { boolean, bytes, oneOf, text, uint, uints } from "./wire-codecs.ts";

/*
 * The channel between two peers. Each side numbers its tasks; a frame carries the number of the side
 * that sent it, introduced by that side's hello.
 */

const taskNumber = field(1, uint);

/** Between two peers, in both directions. */
export const peerFrames = frameSet({
  /** First on every connection, from both sides. */
  greeting: {
    type: 1,
    fields: { nodeId: field(1, text(32)), endpoint: field(2, text(300)) },
  },
  /** The sender takes part in a task, holds this of it, and has this many download slots free. */
  hello: {
    type: 2,
    fields: {
      task: taskNumber,
      taskId: field(2, text(160)),
      pieceLengthBytes: field(3, uint),
      lengthBytes: optional(4, uint),
      have: field(5, bytes),
      /** How many pieces `have` speaks of. */
      pieceCount: field(6, uint),
      freeSlots: field(7, uint),
      ageMs: field(8, uint),
      /** The stripes that may cross this link, between zones; absent for all. */
      wants: optional(9, bytes),
      /** The sender has heard no hello of the receiver's, and asks for it. */
      isUnanswered: optional(10, boolean),
    },
  },
  /** The sender now holds these as well. */
  have: {
    type: 3,
    fields: { task: taskNumber, pieces: field(2, uints(4096)), freeSlots: field(3, uint) },
  },
  /** The sender has an upload slot for the receiver. */
  grant: { type: 4, fields: { task: taskNumber } },
  /** The sender will not use the grant. */
  decline: {
    type: 5,
    fields: {
      task: taskNumber,
      reason: field(2, oneOf(["full", "nothing"])),
      freeSlots: field(3, uint),
    },
  },
  /** The node whose key is `owner` reads this run from the origin, so that nobody else needs to. */
  claim: {
    type: 7,
    fields: {
      task: taskNumber,
      firstPiece: field(2, uint),
      pieceCount: field(3, uint),
      owner: field(4, uint),
    },
  },
  /** The sender no longer takes part in the task. */
  leave: { type: 6, fields: { task: taskNumber } },
});

/** Any frame between two peers. */
export type PeerFrame = Parameters<typeof peerFrames.encode>[0];
