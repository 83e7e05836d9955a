import type { OnReadOpts } from "node:net";

import { takeMemory } from "./own-memory.ts";

/** How long a frame is with its head, as its first bytes tell; undefined while there are too few of them. */
export type FrameFormat = (bytes: Buffer) => number | undefined;

/** A frame of at least this length is long. */
const LONG_FRAME_BYTES_MIN = 64 * 1024;
const ANSWER_HEAD_BYTES_MAX = 16 * 1024;
/** What comes between long frames is received into this by all connections, and copied before the next read. */
const COMMON = Buffer.allocUnsafeSlow(64 * 1024);
const NONE = Buffer.alloc(0);

/**
 * Receives a connection that an upgrade of HTTP turns into one of frames. The bytes are handed on as they come, but each long frame in one
 * chunk, which was received into memory of its own (see `giveBack`). Otherwise Node takes new memory for every 64 KiB, and whoever reads puts
 * frames together from that, and leaves it to V8.
 */
export class LongFrames {
  readonly #frameBytesOf: FrameFormat;
  readonly #frameBytesMax: number;
  readonly #handOn: (chunk: Buffer) => boolean;
  /** What has come of the answer to the upgrade; undefined behind it. */
  #answer: Buffer | undefined = NONE;
  #isUpgraded = false;
  /** The beginning of a frame of which too little has come. */
  #held = NONE;
  /** What is still to come of a short frame. */
  #shortBytes = 0;
  #long: Buffer | undefined;
  #filledBytes = 0;

  /**
   * `handOn` gets chunks, which are its own, and returns whether more may come. A frame of more than `frameBytesMax` is treated as
   * a short one: nothing is allocated for it.
   */
  constructor(
    frameBytesOf: FrameFormat,
    frameBytesMax: number,
    handOn: (chunk: Buffer) => boolean,
  ) {
    this.#frameBytesOf = frameBytesOf;
    this.#frameBytesMax = frameBytesMax;
    this.#handOn = handOn;
  }

  /** Goes into the options that the socket is made with. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#long?.subarray(this.#filledBytes) ?? COMMON,
    callback: (lengthBytes) => {
      if (this.#long) return this.#filled(this.#long, lengthBytes);
      return this.#received(COMMON.subarray(0, lengthBytes));
    },
  };

  #received(bytes: Buffer): boolean {
    const start = this.#isUpgraded ? 0 : this.#framesStart(bytes);
    let mayGoOn = start === 0 || this.#handOn(Buffer.from(bytes.subarray(0, start)));
    let rest = bytes.subarray(start);
    if (rest.length > 0 && this.#held.length > 0) {
      rest = Buffer.concat([this.#held, rest]);
      this.#held = NONE;
    }
    while (rest.length > 0) {
      const end = this.#shortEnd(rest);
      if (end > 0) mayGoOn = this.#handOn(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
      const frameBytes = this.#frameBytesOf(rest);
      if (frameBytes === undefined) {
        this.#held = Buffer.from(rest);
        break;
      }
      this.#long = takeMemory(frameBytes);
      this.#filledBytes = 0;
      const copiedBytes = rest.copy(this.#long);
      rest = rest.subarray(copiedBytes);
      mayGoOn = this.#filled(this.#long, copiedBytes);
    }
    return mayGoOn;
  }

  #filled(long: Buffer, lengthBytes: number): boolean {
    this.#filledBytes += lengthBytes;
    if (this.#filledBytes < long.length) return true;
    this.#long = undefined;
    return this.#handOn(long);
  }

  /** Where the short frames end that the bytes begin with. */
  #shortEnd(bytes: Buffer): number {
    let end = 0;
    while (end < bytes.length) {
      if (this.#shortBytes === 0) {
        const frameBytes = this.#frameBytesOf(bytes.subarray(end));
        if (frameBytes === undefined || this.#isLong(frameBytes)) break;
        this.#shortBytes = frameBytes;
      }
      const lengthBytes = Math.min(this.#shortBytes, bytes.length - end);
      this.#shortBytes -= lengthBytes;
      end += lengthBytes;
    }
    return end;
  }

  #isLong(frameBytes: number): boolean {
    return frameBytes >= LONG_FRAME_BYTES_MIN && frameBytes <= this.#frameBytesMax;
  }

  /** Where in the bytes the frames begin; what was refused has none. */
  #framesStart(bytes: Buffer): number {
    if (!this.#answer) return bytes.length;
    const beforeBytes = this.#answer.length;
    this.#answer = Buffer.concat([this.#answer, bytes]);
    const end = this.#answer.indexOf("\r\n\r\n");
    if (end < 0 && this.#answer.length < ANSWER_HEAD_BYTES_MAX) return bytes.length;
    this.#isUpgraded = end >= 0 && this.#answer.toString("latin1", 0, 13) === "HTTP/1.1 101 ";
    this.#answer = undefined;
    return this.#isUpgraded ? end + 4 - beforeBytes : bytes.length;
  }
}
