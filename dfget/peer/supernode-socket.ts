import type { NetConnectOpts, Socket } from "node:net";
import { connect } from "node:net";

import { LongFrames } from "../../platform/long-frames.ts";
import { FRAME_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";

const LENGTH_OF_16_BITS = 126;
const LENGTH_OF_64_BITS = 127;
/** Of a frame of WebSocket with a long payload, as a server sends it. */
const HEAD_BYTES_MAX = 10;

/** Makes a connection for a WebSocket whose long messages need not be put together from pieces: see {@link LongFrames}. */
export const connectPlainly = ((options: NetConnectOpts): Socket => {
  const frames = new LongFrames(
    webSocketFrameBytes,
    HEAD_BYTES_MAX + FRAME_LENGTH_BYTES_MAX,
    (chunk) => !socket.destroyed && socket.push(chunk),
  );
  // The path is that of the request, not of a socket file.
  const { path: _path, ...others } = options as NetConnectOpts & { readonly path?: string };
  const socket: Socket = connect({ ...others, onread: frames.onread } as NetConnectOpts);
  return socket;
}) as typeof connect;

/** How long a frame of WebSocket is that a server sends. */
function webSocketFrameBytes(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const length = bytes[1]! & 0x7f;
  if (length < LENGTH_OF_16_BITS) return 2 + length;
  if (length < LENGTH_OF_64_BITS) return bytes.length < 4 ? undefined : 4 + bytes.readUInt16BE(2);
  if (bytes.length < HEAD_BYTES_MAX) return undefined;
  return HEAD_BYTES_MAX + Number(bytes.readBigUInt64BE(2));
}
