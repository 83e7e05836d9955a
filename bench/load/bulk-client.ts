import type { Socket } from "node:net";
import { connect } from "node:net";

/** What a connection read. */
export interface BulkCounts {
  bytes: number;
  unexpected: number;
  readonly latenciesMs: number[];
}

/** The longest head of an answer. */
const HEAD_BYTES_MAX = 16 * 1024;
const BUFFER_BYTES = 256 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Sends one GET request after the other on a connection and reads the bodies into one buffer, which costs so little that large
 * answers measure the server. Resolves at the end of the first answer after `endMs`. Throws when an answer cannot be read.
 */
export async function readInBulk(
  target: {
    readonly host: string;
    readonly port: number;
    readonly head: string;
    readonly status: number;
  },
  endMs: number,
  counts: BulkCounts,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reader = new AnswerReader();
  let sentMs = 0;
  const send = (): void => {
    sentMs = performance.now();
    socket.write(target.head);
  };
  const take = (bytes: Uint8Array): void => {
    const answer = reader.take(bytes);
    if (answer === undefined) return;
    const nowMs = performance.now();
    counts.bytes += answer.lengthBytes;
    counts.latenciesMs.push(nowMs - sentMs);
    if (answer.status !== target.status) counts.unexpected += 1;
    if (nowMs >= endMs) resolve();
    else send();
  };
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const socket: Socket = connect({
    host: target.host,
    port: target.port,
    onread: {
      buffer,
      callback: (read) => {
        try {
          take(buffer.subarray(0, read));
        } catch (error) {
          reject(error);
        }
        return true;
      },
    },
  });
  socket.setNoDelay(true);
  socket.once("connect", send);
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the server closed the connection")));
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

/** Reads answers that tell their length, one after the other. */
export class AnswerReader {
  #head = Buffer.alloc(0);
  #status = 0;
  #lengthBytes = 0;
  #missingBytes = 0;

  /** Takes bytes as they came; returns an answer when it is over with them. Throws when the bytes are no such answer. */
  take(bytes: Uint8Array): { readonly status: number; readonly lengthBytes: number } | undefined {
    if (this.#missingBytes > 0) return this.#skip(bytes.length);
    this.#head = Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) {
      if (this.#head.length > HEAD_BYTES_MAX) throw new Error("the head of an answer has no end");
      return undefined;
    }
    const head = this.#head.toString("latin1", 0, end);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (status === undefined || length === undefined) {
      throw new Error("an answer has no status or no length");
    }
    const bodyBytes = this.#head.length - end - HEAD_END.length;
    this.#head = Buffer.alloc(0);
    this.#status = Number(status);
    this.#lengthBytes = Number(length);
    this.#missingBytes = this.#lengthBytes;
    return this.#skip(bodyBytes);
  }

  #skip(lengthBytes: number) {
    this.#missingBytes -= lengthBytes;
    if (this.#missingBytes < 0) throw new Error("an answer is longer than its head says");
    return this.#missingBytes > 0
      ? undefined
      : { status: this.#status, lengthBytes: this.#lengthBytes };
  }
}
