import type { Static } from "typebox";
import { Type } from "typebox";

/*
 * What the daemon tells of its cache over the unix socket.
 */

const count = Type.Integer({ minimum: 0 });

/** One task that the node holds, in whole or in part. */
export const CachedTask = Type.Object({
  taskId: Type.String(),
  name: Type.Optional(Type.String({ description: "what it was imported as" })),
  source: Type.Optional(Type.String({ description: "its URL, without user, password and query" })),
  lengthBytes: Type.Optional(count),
  heldBytes: count,
  isComplete: Type.Boolean({ description: "whether all of it is here and proven" }),
  isPinned: Type.Boolean({ description: "whether it is kept whatever else needs room" }),
  isInUse: Type.Boolean({ description: "whether somebody reads it or is being sent a piece now" }),
  isPrivate: Type.Boolean({ description: "whether it was asked for with headers of its own" }),
  mediaType: Type.Optional(Type.String()),
  lastUsedAtMs: Type.Integer({ description: "milliseconds since 1970" }),
});
export type CachedTask = Static<typeof CachedTask>;

/** The body of `GET /v1/tasks`, the least recently used first. */
export const CacheListing = Type.Object({
  tasks: Type.Array(CachedTask),
  usedBytes: count,
  quotaBytes: count,
});
export type CacheListing = Static<typeof CacheListing>;

/** The body of `GET /v1/peers`. */
export const NeighbourListing = Type.Object({
  supernode: Type.Optional(Type.String()),
  neighbours: Type.Array(Type.Object({ nodeId: Type.String(), endpoint: Type.String() })),
});
export type NeighbourListing = Static<typeof NeighbourListing>;
