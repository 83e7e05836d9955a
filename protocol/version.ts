/**
 * The version of the frames between a node and its supernode, and between two peers. It rises when a
 * frame changes its meaning; a field that is only added leaves it as it is, because unknown fields
 * are ignored.
 */
export const PROTOCOL_VERSION = 1;

/** The request header of the WebSocket handshake that carries {@link PROTOCOL_VERSION}. */
export const PROTOCOL_HEADER = "darter-protocol";

/** The response header that carries a piece's certificate, base64url. */
export const PIECE_HEADER = "darter-piece";

/** The request header by which a peer says which node's grant a piece request uses. */
export const NODE_HEADER = "darter-node";

/** The request header that carries a node's admission to a private task, base64url. */
export const ADMISSION_HEADER = "darter-admission";
