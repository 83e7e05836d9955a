import { DownloadFrameError } from "./download-frames.ts";

/*
 * A conversation about many small files over one connection to the daemon, which an upgrade of HTTP begins. Both sides send
 * frames: four bytes with the number of a request, four bytes of length (big-endian), and the payload. That of a
 * request is a DownloadRequest in JSON; that of its answer is what `POST /v1/downloads` would answer, or nothing where the file has to
 * be asked for there.
 */

/** Where the conversation begins, and what the upgrade is to. */
export const BATCH_PATH = "/v1/downloads";
export const BATCH_UPGRADE = "darter-downloads";

/** The longest payload: a small file and the events around it. */
export const BATCH_FRAME_BYTES_MAX = 1024 * 1024;

const HEADER_BYTES = 8;

/** One request, or one answer. */
export interface BatchFrame {
  readonly number: number;
  readonly payload: Uint8Array;
}

/** What stands before a payload. */
export function batchHeader(number: number, lengthBytes: number): Uint8Array {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32BE(number, 0);
  header.writeUInt32BE(lengthBytes, 4);
  return header;
}

/** How long a frame is with what stands before its payload; undefined while too little of that is there. */
export function batchFrameBytes(bytes: Buffer): number | undefined {
  return bytes.length < HEADER_BYTES ? undefined : HEADER_BYTES + bytes.readUInt32BE(4);
}

/** Cuts what comes over a connection into frames. */
export class BatchFrameReader {
  /** What has come of the next frame. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** So much has to be there before there is something to do. */
  #wantedBytes = HEADER_BYTES;

  /** The frames that are whole with these bytes, as views. Throws DownloadFrameError for one that is too long. */
  push(chunk: Uint8Array): BatchFrame[] {
    this.#held.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#wantedBytes) return [];
    let rest = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    const frames: BatchFrame[] = [];
    this.#wantedBytes = HEADER_BYTES;
    while (rest.length >= HEADER_BYTES) {
      const lengthBytes = rest.readUInt32BE(4);
      if (lengthBytes > BATCH_FRAME_BYTES_MAX) {
        throw new DownloadFrameError(`frame of ${lengthBytes} bytes`);
      }
      const end = HEADER_BYTES + lengthBytes;
      if (rest.length < end) {
        this.#wantedBytes = end;
        break;
      }
      frames.push({ number: rest.readUInt32BE(0), payload: rest.subarray(HEADER_BYTES, end) });
      rest = rest.subarray(end);
    }
    this.#held = rest.length > 0 ? [rest] : [];
    this.#heldBytes = rest.length;
    return frames;
  }
}
