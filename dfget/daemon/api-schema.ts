import type { Static } from "typebox";
import { Type } from "typebox";

import {
  ORIGIN_HEADERS_MAX,
  PIECE_LENGTH_BYTES_MAX,
  PIECE_LENGTH_BYTES_MIN,
  URL_LENGTH_MAX,
} from "../../protocol/limits.ts";
import { ANSWER_AGE_MS_MAX, FILTERS_MAX, TAG_LENGTH_MAX } from "./request-limits.ts";

/*
 * What the command line and the daemon of a node say to each other over the unix socket. Both ends
 * take their types from here. Errors before an answer has begun are ErrorBody of protocol/rest.ts.
 */

/** Which part of a task is wanted, and where it may be put. */
const wantedContent = {
  range: Type.Optional(
    Type.Object(
      {
        firstByte: Type.Optional(Type.Integer({ minimum: 0 })),
        lastByte: Type.Optional(Type.Integer({ minimum: 0 })),
        suffixBytes: Type.Optional(Type.Integer({ minimum: 1 })),
        mayBeEmpty: Type.Optional(
          Type.Boolean({ description: "whether the range may begin where the content ends" }),
        ),
      },
      { description: "the part that is wanted: from a byte on, up to a byte, or at the end" },
    ),
  ),
  linkPath: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 4096,
      description:
        "where a link to the daemon's own file may be put instead of sending the content; nothing is there yet",
    }),
  ),
  clonePath: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 4096,
      description:
        "where a file that shares its room on the disk with the daemon's own may be put instead of sending the content; nothing is there yet",
    }),
  ),
  copyPlace: Type.Optional(
    Type.String({
      maxLength: 64,
      description:
        "the device and the number of the directory that clonePath lies in, DEVICE:INODE: where the daemon sees the same one, it may copy its file to clonePath",
    }),
  ),
};

/** The body of `POST /v1/tasks/{id}/content`. */
export const WantedContent = Type.Object(wantedContent);
export type WantedContent = Static<typeof WantedContent>;

/** The task in the path of a route. */
export const TaskParams = Type.Object({ id: Type.String({ maxLength: 160 }) });

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
  answerAgeMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: ANSWER_AGE_MS_MAX,
      description:
        "how old what the origin said of the file may be; a supernode asks it anew when absent",
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
  ...wantedContent,
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
    lastModified: Type.Optional(Type.String({ description: "as the origin writes it" })),
    replacesTaskId: Type.Optional(
      Type.String({ description: "an unfinished task of an older version of the same file" }),
    ),
    firstByte: Type.Optional(
      Type.Integer({ minimum: 0, description: "where the content sent begins; 0 when absent" }),
    ),
    firstSource: Type.String({ description: "where the first piece came from" }),
  }),
  Type.Object({
    event: Type.Literal("progress"),
    lengthBytes: Type.Optional(byteCount),
    heldBytes: Type.Integer({ minimum: 0, description: "verified bytes on this node's disk" }),
    receivedBytes: ReceivedBytes,
    trouble: Type.Optional(
      Type.String({ description: "why nothing comes from the origin, which is asked again" }),
    ),
  }),
  Type.Object({
    event: Type.Literal("completed"),
    lengthBytes: Type.Integer({ minimum: 0, description: "of the whole" }),
    sentBytes: Type.Optional(
      Type.Integer({ minimum: 0, description: "content in this answer; all when absent" }),
    ),
    isLinked: Type.Optional(
      Type.Boolean({ description: "whether the file stands at linkPath instead" }),
    ),
    isCloned: Type.Optional(
      Type.Boolean({ description: "whether the file stands at clonePath instead" }),
    ),
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
  dataDir: Type.Optional(Type.String({ description: "where its pieces are" })),
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
