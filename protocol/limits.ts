/**
 * The limits that both ends of a channel must agree on. Each is documented for users in
 * docs/reference/limits.md.
 */

/** The most pieces a task may have; the piece length rises until the count fits. */
export const PIECE_COUNT_MAX = 65_536;

/** The smallest and the largest piece that can be asked for. */
export const PIECE_LENGTH_BYTES_MIN = 64 * 1024;
export const PIECE_LENGTH_BYTES_MAX = 64 * 1024 * 1024;

/** The largest blob that travels inside the answer to a join, as one piece. */
export const INLINE_LENGTH_BYTES_MAX = 256 * 1024;

/**
 * The longest content that travels so to a node that says it takes as much, in as many pieces: while only few nodes take
 * part, to give all of it to each costs less than to have them exchange it.
 */
export const WHOLE_LENGTH_BYTES_MAX = 768 * 1024;
export const WHOLE_PIECES_MAX = 16;

/** The largest control frame: an inline blob and the certificates and addresses around it. */
export const FRAME_LENGTH_BYTES_MAX = 1024 * 1024;

/** The most neighbours named in one frame. */
export const NEIGHBOURS_PER_FRAME_MAX = 256;

/** The longest URL accepted from a user, a client or a peer. */
export const URL_LENGTH_MAX = 8192;

/** The most headers, and the most bytes of headers, that a caller may send along to an origin. */
export const ORIGIN_HEADERS_MAX = 64;
export const ORIGIN_HEADERS_LENGTH_BYTES_MAX = 32 * 1024;

/** The most tasks that one node may have joined at once. */
export const TASKS_PER_NODE_MAX = 4096;
