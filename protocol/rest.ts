import type { Static } from "typebox";
import { Type } from "typebox";

/*
 * The REST schemas of the supernode. Routes, clients and the OpenAPI document come from these.
 */

const count = (description: string) => Type.Integer({ minimum: 0, description });

/** The answer of every REST route that fails. */
export const ErrorBody = Type.Object({
  code: Type.String({ description: "a code of docs/reference/errors.md" }),
  message: Type.String({ description: "one sentence for a person" }),
});
export type ErrorBody = Static<typeof ErrorBody>;

/** One task at the supernode. */
export const TaskSummary = Type.Object({
  taskId: Type.String({ description: "digest, or url:<sha256>" }),
  state: Type.Union([Type.Literal("fetching"), Type.Literal("complete"), Type.Literal("failed")]),
  lengthBytes: Type.Optional(count("absent while the origin has not told it")),
  pieceLengthBytes: count("the length of every piece but the last"),
  piecesReady: count("pieces that the seed can serve"),
  peers: count("nodes that take part now"),
  originRequests: count("requests for the content sent to the origin"),
  originBytes: count("bytes of content received from the origin"),
  seedBytes: count("bytes of content sent to nodes"),
});
export type TaskSummary = Static<typeof TaskSummary>;

/** The most rows that one answer with a list has. */
export const PAGE_ROWS_MAX = 1000;

/** Which rows of a list are wanted. */
export const ListPage = Type.Object({
  offset: Type.Integer({ minimum: 0, default: 0, description: "rows to leave out at the start" }),
  limit: Type.Integer({
    minimum: 1,
    maximum: PAGE_ROWS_MAX,
    default: PAGE_ROWS_MAX,
    description: "the most rows that are wanted",
  }),
});
export type ListPage = Static<typeof ListPage>;

const total = count("rows there are in all");

export const TaskList = Type.Object({ total, tasks: Type.Array(TaskSummary) });
export type TaskList = Static<typeof TaskList>;

/** One connected node. */
export const PeerSummary = Type.Object({
  nodeId: Type.String(),
  endpoint: Type.String({ description: "where other nodes reach it" }),
  zone: Type.String(),
  software: Type.String(),
  tasks: count("tasks it takes part in"),
  connectedMs: count("how long it has been connected"),
});
export type PeerSummary = Static<typeof PeerSummary>;

export const PeerList = Type.Object({ total, peers: Type.Array(PeerSummary) });
export type PeerList = Static<typeof PeerList>;

export const VersionBody = Type.Object({
  version: Type.String(),
  protocol: Type.Integer(),
  supernodeId: Type.String(),
});
export type VersionBody = Static<typeof VersionBody>;
