import type { Socket } from "node:net";
import { connect } from "node:net";

const CHUNK_BYTES = 64 * 1024;

/**
 * What comes over a connection to a unix socket, in chunks of which at most one is read ahead. The iterator of a stream would do, and
 * has Node compile three dozen functions before a short run has its first byte. One may wait for the next at a time.
 */
export class SocketChunks implements AsyncIterator<Uint8Array> {
  readonly socket: Socket;
  #ahead: Uint8Array | undefined;
  #hasEnded = false;
  #failure: Error | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array, undefined>> | undefined;

  /** Connects. What goes wrong comes to whoever asks for the next chunk. */
  constructor(socketPath: string) {
    this.socket = connect({
      path: socketPath,
      onread: {
        buffer: () => Buffer.allocUnsafeSlow(CHUNK_BYTES),
        callback: (lengthBytes, buffer) => this.#take(buffer.subarray(0, lengthBytes)),
      },
    });
    this.socket.on("error", (error) => this.#end(error));
    this.socket.on("end", () => this.#end());
    this.socket.on("close", () => this.#end(closed()));
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.#ahead;
    if (value !== undefined) {
      this.#ahead = undefined;
      this.socket.resume();
      return { done: false, value };
    }
    if (this.#failure) throw this.#failure;
    if (this.#hasEnded) return { done: true, value: undefined };
    this.#waiting = Promise.withResolvers();
    return await this.#waiting.promise;
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.socket.destroy();
    return { done: true, value: undefined };
  }

  /** Returns whether more is to be read. */
  #take(value: Uint8Array): boolean {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve({ done: false, value });
    else this.#ahead = value;
    return waiting !== undefined;
  }

  /** Only the first end counts. */
  #end(failure?: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#failure = failure;
    if (failure) this.#waiting?.reject(failure);
    else this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }
}

function closed(): Error {
  return Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
}
