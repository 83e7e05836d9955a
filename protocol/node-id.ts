declare const nodeIdBrand: unique symbol;

/** A node's identity, 32 lower-case hex digits, made once and kept in its data directory. */
export type NodeId = string & { readonly [nodeIdBrand]: true };

/** Reads a node id that came from outside. Returns undefined when it has not its form. */
export function parseNodeId(text: string): NodeId | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? (text as NodeId) : undefined;
}

/** The 32 bits of a node id by which nodes are ranked for a piece, the same at every node. */
export function nodeKey(nodeId: NodeId): number {
  return Number.parseInt(nodeId.slice(0, 8), 16);
}
