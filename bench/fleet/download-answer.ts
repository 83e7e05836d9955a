import { DOWNLOAD_FRAME_BYTES_MAX } from "../../dfget/daemon/download-frames.ts";

const HEAD_BYTES_MAX = 64 * 1024;
const HEADER_BYTES = 5;
const EVENT = 1;
const CONTENT = 2;

/** What is told of an answer while it is read. */
export interface AnswerEvents {
  /** Content in order; the bytes are valid during the call. */
  onContent(bytes: Uint8Array): void;
  /** An event as the daemon wrote it. */
  onEvent(event: {
    readonly event?: unknown;
    readonly code?: unknown;
    readonly message?: unknown;
  }): void;
}

/**
 * Reads the daemon's answer to `POST /v1/downloads` as it comes from the socket, for a request of HTTP/1.0 (so that
 * the body is not chunked). It neither copies nor keeps content: reading for many nodes must not take the CPU from
 * those who are measured.
 */
export class DownloadAnswer {
  readonly #events: AnswerEvents;
  #head: Buffer | undefined = Buffer.alloc(0);
  /** The beginning of a frame that has not come as a whole: its header, and the payload of an event. */
  #held: Buffer = Buffer.alloc(0);
  #contentLeftBytes = 0;

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** Takes the next bytes of the connection. Throws a sentence when they are no such answer. */
  push(bytes: Uint8Array): void {
    let rest = this.#head === undefined ? bytes : this.#passHead(this.#head, bytes);
    while (rest.length > 0) {
      rest = this.#contentLeftBytes > 0 ? this.#passContent(rest) : this.#passFrame(rest);
    }
  }

  /** Throws when the connection ended in the middle of something. */
  end(): void {
    if (this.#head !== undefined) throw new Error("the connection ended before an answer");
    if (this.#held.length > 0 || this.#contentLeftBytes > 0) {
      throw new Error("the answer ended inside a frame");
    }
  }

  #passHead(head: Buffer, bytes: Uint8Array): Uint8Array {
    const all = Buffer.concat([head, bytes]);
    const end = all.indexOf("\r\n\r\n");
    if (end < 0) {
      if (all.length > HEAD_BYTES_MAX) throw new Error("the answer has no end of its head");
      this.#head = all;
      return all.subarray(all.length);
    }
    if (!/^HTTP\/1\.[01] 200 /.test(all.subarray(0, end).toString("latin1"))) {
      throw new Error(`the daemon refused: ${all.subarray(end + 4).toString()}`);
    }
    this.#head = undefined;
    return all.subarray(end + 4);
  }

  #passContent(bytes: Uint8Array): Uint8Array {
    const content = bytes.subarray(0, this.#contentLeftBytes);
    this.#contentLeftBytes -= content.length;
    this.#events.onContent(content);
    return bytes.subarray(content.length);
  }

  #passFrame(bytes: Uint8Array): Uint8Array {
    const all =
      this.#held.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([this.#held, bytes]);
    if (all.length < HEADER_BYTES) return this.#hold(all);
    const kind = all.readUInt8(0);
    const lengthBytes = all.readUInt32BE(1);
    if ((kind !== EVENT && kind !== CONTENT) || lengthBytes > DOWNLOAD_FRAME_BYTES_MAX) {
      throw new Error(`a frame of kind ${kind} and ${lengthBytes} bytes came`);
    }
    if (kind === EVENT && all.length < HEADER_BYTES + lengthBytes) return this.#hold(all);
    this.#held = Buffer.alloc(0);
    if (kind === CONTENT) {
      this.#contentLeftBytes = lengthBytes;
      return all.subarray(HEADER_BYTES);
    }
    const payload = all.subarray(HEADER_BYTES, HEADER_BYTES + lengthBytes).toString();
    this.#events.onEvent(JSON.parse(payload) as Parameters<AnswerEvents["onEvent"]>[0]);
    return all.subarray(HEADER_BYTES + lengthBytes);
  }

  #hold(bytes: Buffer): Uint8Array {
    // A copy: what was pushed is valid only until the caller reads on.
    this.#held = Buffer.from(bytes);
    return bytes.subarray(bytes.length);
  }
}
