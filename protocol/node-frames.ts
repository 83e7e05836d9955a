import { frameSet } from "./frame-set.ts";
import {
  NEIGHBOURS_PER_FRAME_MAX,
  ORIGIN_HEADERS_MAX,
  ORIGIN_HEADERS_LENGTH_BYTES_MAX,
  URL_LENGTH_MAX,
  WHOLE_PIECES_MAX,
} from "./limits.ts";
import { field, optional } from "./wire.ts";
import { boolean, bytes, list, message, oneOf, text, uint, uints } from "./wire-codecs.ts";

/*
 * The channel between a node and its supernode. The node numbers its tasks; the number is valid on this
 * connection until the node leaves the task or the supernode aborts it, and is not used again.
 */

const taskNumber = field(1, uint);

const header = message({ name: field(1, text(256)), value: field(2, text(16_384)) });

/** Where the bytes of a task come from, and with what headers the caller asks for them. */
const origin = message({
  url: field(1, text(URL_LENGTH_MAX)),
  headers: field(2, list(header, ORIGIN_HEADERS_MAX)),
});

/** What the caller asks for where it has no digest, see UrlTaskIdentity. */
const identity = message({
  filteredQueryParameters: field(1, list(text(256), 64)),
  tag: field(2, text(256)),
});

/** A node to exchange a task with. */
const neighbour = message({ nodeId: field(1, text(32)), endpoint: field(2, text(300)) });

/** What a node holds of a task that it joins again. */
const holding = message({
  pieceLengthBytes: field(1, uint),
  lengthBytes: optional(2, uint),
  have: field(3, bytes),
});

/** From a node to its supernode. */
export const nodeFrames = frameSet({
  /** First on every connection. */
  hello: {
    type: 1,
    fields: {
      nodeId: field(1, text(32)),
      /** Where other nodes reach this one. */
      endpoint: field(2, text(300)),
      zone: field(3, text(256)),
      publicKey: field(4, bytes),
      software: field(5, text(64)),
      uploadBytesPerSecond: optional(6, uint),
    },
  },
  /** Takes part in a task, named by its id or, where the id is not known yet, by its origin. */
  join: {
    type: 2,
    fields: {
      task: taskNumber,
      taskId: optional(2, text(160)),
      origin: optional(3, origin),
      identity: optional(4, identity),
      pieceLengthBytes: optional(5, uint),
      holding: optional(6, holding),
      /** Of a private task that the node was admitted to not long ago. */
      admission: optional(7, bytes),
      /** How old what the origin said of the file may be, milliseconds; it is asked anew when absent. */
      answerAgeMs: optional(8, uint),
      /** The node gets only what it asks for by `want`. */
      isPart: optional(9, boolean),
      /** The node does not know yet which task it is, and may hold some of it: it says so right after the answer. */
      mayHold: optional(10, boolean),
      /** How long a content may be that is sent whole with the answer; 256 KiB in one piece when absent. */
      wholeBytesMax: optional(11, uint),
    },
  },
  leave: { type: 3, fields: { task: taskNumber } },
  /** What the node holds: when it is asked, every while, and when it has all. */
  progress: { type: 4, fields: { task: taskNumber, have: field(2, bytes) } },
  "refuse-offer": { type: 5, fields: { task: taskNumber, piece: field(2, uint) } },
  blame: {
    type: 6,
    fields: {
      task: taskNumber,
      nodeId: field(2, text(32)),
      piece: field(3, uint),
      reason: field(4, oneOf(["slow", "corrupt", "failed"])),
    },
  },
  /** Nothing could be fetched for a while. */
  starve: { type: 7, fields: { task: taskNumber } },
  /** The node's admission to a private task ends soon, and it still lacks pieces. */
  renew: { type: 8, fields: { task: taskNumber, admission: field(2, bytes) } },
  /** A node that takes part for parts of a task waits for these pieces. */
  want: {
    type: 9,
    fields: {
      task: taskNumber,
      pieces: field(2, uints(256)),
      /** It has asked before, and nobody has given them. */
      isAgain: field(3, boolean),
      /** From now on it takes part for all of the task. */
      isWhole: field(4, boolean),
    },
  },
});

/** From a supernode to a node. */
export const supernodeFrames = frameSet({
  /** The answer to hello. */
  welcome: {
    type: 1,
    fields: {
      supernodeId: field(1, text(32)),
      /** The key whose signatures make certificates. */
      publicKey: field(2, bytes),
      /** The supernode's signature over the node's key. */
      endorsement: field(3, bytes),
      /** Where the seed serves pieces; absent where the node's own URL of the supernode is right. */
      seedUrl: optional(4, text(URL_LENGTH_MAX)),
      heartbeatMs: field(5, uint),
    },
  },
  /** The answer to join. */
  task: {
    type: 2,
    fields: {
      task: taskNumber,
      taskId: field(2, text(160)),
      pieceLengthBytes: field(3, uint),
      /** Absent while the origin has not told it. */
      lengthBytes: optional(4, uint),
      mediaType: optional(5, text(256)),
      neighbours: field(6, list(neighbour, NEIGHBOURS_PER_FRAME_MAX)),
      /** The whole of a small task, and the certificate of its first piece. */
      content: optional(7, bytes),
      certificate: optional(8, bytes),
      /** By which the node gets pieces of a private task. */
      admission: optional(9, bytes),
      /** As the origin wrote it when the node's URL was resolved. */
      lastModified: optional(10, text(256)),
      /** Those of the other pieces, where the content is longer than one. */
      otherCertificates: optional(11, list(bytes, WHOLE_PIECES_MAX)),
    },
  },
  /** The length became known. */
  length: { type: 3, fields: { task: taskNumber, lengthBytes: field(2, uint) } },
  /** The last byte has been read from the origin and the whole is what its digest says. */
  proven: { type: 4, fields: { task: taskNumber } },
  /** Fetch these pieces from the seed now. */
  offer: { type: 5, fields: { task: taskNumber, pieces: field(2, uints(256)) } },
  /** More nodes to exchange the task with. */
  neighbours: {
    type: 6,
    fields: {
      task: taskNumber,
      neighbours: field(2, list(neighbour, NEIGHBOURS_PER_FRAME_MAX)),
      /** They stand in another zone: only the node's stripes cross the link to them. */
      far: field(3, boolean),
    },
  },
  /** Take nothing from these nodes for a while, in any task. */
  ban: {
    type: 7,
    fields: { nodeIds: field(1, list(text(32), 1024)), forMs: field(2, uint) },
  },
  /** The stripes of pieces that the node shall bring into its zone. */
  stripes: { type: 10, fields: { task: taskNumber, mask: field(2, bytes) } },
  /** The answer to renew. */
  admission: { type: 11, fields: { task: taskNumber, admission: field(2, bytes) } },
  "ask-progress": { type: 8, fields: { task: taskNumber } },
  /** The task cannot be had; the number is free again. `discard` says that its pieces are wrong. */
  abort: {
    type: 9,
    fields: {
      task: taskNumber,
      code: field(2, text(64)),
      message: field(3, text(2048)),
      originStatus: optional(4, uint),
      challenge: optional(5, text(ORIGIN_HEADERS_LENGTH_BYTES_MAX)),
      discard: field(6, boolean),
    },
  },
});

/** Any frame from a node to its supernode. */
export type NodeFrame = Parameters<typeof nodeFrames.encode>[0];

/** Any frame from a supernode to a node. */
export type SupernodeFrame = Parameters<typeof supernodeFrames.encode>[0];
