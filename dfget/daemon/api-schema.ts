import type { Static } from "typebox";
import { Type } from "typebox";

import {
  ORIGIN_HEADERS_MAX,
  PIECE_LENGTH_BYTES_MAX,
  PIECE_LENGTH_BYTES_MIN,
  URL_LENGTH_MAX,
} from "../../protocol/limits.ts";

/*
 * What the command line and the daemon of a node say to each other over the unix socket. Both ends
 * take their types from here. Errors before an answer has begun are ErrorBody of protocol/rest.ts.
 */

/** The most query parameters that one request may leave out of account. */
export const FILTERS_MAX = 64;
/** The longest tag. */
export const TAG_LENGTH_MAX = 256;

/** The body of `POST /v1/downloads`. */
export const DownloadRequest = Type.Object({
  url: Type.String({ minLength: 1, maxLength: URL_LENGTH_MAX }),
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String(), {
      maxProperties: ORIGIN_HEADERS_MAX,
      description: "sent to the origin and to nobody else",
    }),
  ),
  digest: Type.Optional(Type.String({ description: "the digest that the content must have" })),
  tag: Type.Optional(Type.String({ maxLength: TAG_LENGTH_MAX })),
  filter: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      maxItems: FILTERS_MAX,
      description: "query parameters that do not tell files apart",
    }),
  ),
  pieceLengthBytes: Type.Optional(
    Type.Integer({ minimum: PIECE_LENGTH_BYTES_MIN, maximum: PIECE_LENGTH_BYTES_MAX }),
  ),
  limitBytesPerSecond: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: "the most that is received a second; no limit of its own when absent",
    }),
  ),
  backSource: Type.Optional(
    Type.Boolean({ description: "whether this node may ask the origin itself; true when absent" }),
  ),
});
export type DownloadRequest = Static<typeof DownloadRequest>;

const byteCount = Type.Integer({ minimum: 0 });
const ReceivedBytes = Type.Object({ seed: byteCount, peers: byteCount, origin: byteCount });

/** Verified bytes that a node received, by where they came from. */
export type ReceivedBytes = Static<typeof ReceivedBytes>;

/** What the daemon tells about a download, in frames between those with content. */
export const DownloadEvent = Type.Union([
  Type.Object({
    event: Type.Literal("opened"),
    taskId: Type.String(),
    lengthBytes: Type.Optional(byteCount),
    mediaType: Type.Optional(Type.String()),
    firstSource: Type.String({ description: "where the first piece came from" }),
  }),
  Type.Object({
    event: Type.Literal("progress"),
    lengthBytes: Type.Optional(byteCount),
    heldBytes: Type.Integer({ minimum: 0, description: "verified bytes on this node's disk" }),
    receivedBytes: ReceivedBytes,
  }),
  Type.Object({
    event: Type.Literal("completed"),
    lengthBytes: byteCount,
    receivedBytes: ReceivedBytes,
  }),
  Type.Object({
    event: Type.Literal("failed"),
    code: Type.String({ description: "a code of docs/reference/errors.md" }),
    message: Type.String(),
  }),
]);
export type DownloadEvent = Static<typeof DownloadEvent>;

/** The body of `GET /v1/status`. */
export const DaemonStatus = Type.Object({
  version: Type.String(),
  pid: Type.Integer(),
  state: Type.Union([Type.Literal("ready"), Type.Literal("draining")]),
  nodeId: Type.String(),
  endpoint: Type.String({ description: "where pieces are served" }),
  supernodes: Type.Array(Type.String(), { description: "the supernodes it was started with" }),
  connectedSupernode: Type.Optional(Type.String({ description: "the one connected to now" })),
  downloads: Type.Integer({ minimum: 0, description: "downloads running now" }),
});
export type DaemonStatus = Static<typeof DaemonStatus>;

const bytesPerSecond = (description: string) =>
  Type.Integer({ minimum: 0, maximum: 2 ** 50, description: `${description}; 0 for no limit` });

/** The answer to `GET` and `PUT /v1/limits`. */
export const DaemonLimits = Type.Object({
  uploadBytesPerSecond: bytesPerSecond("to all other nodes together"),
  downloadBytesPerSecond: bytesPerSecond("from nodes and origins together"),
  taskDownloadBytesPerSecond: bytesPerSecond("the same for each task"),
});

/** The body of `PUT /v1/limits`: what it does not name stays. */
export const DaemonLimitsChange = Type.Partial(DaemonLimits, { additionalProperties: false });

/** The media type of the answer to `POST /v1/downloads`. */
export const DOWNLOAD_MEDIA_TYPE = "application/vnd.darter.download";
