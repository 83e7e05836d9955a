import type { OnReadOpts, Socket } from "node:net";
import errors from "undici/lib/core/errors.js";

import type { DirectBody } from "./direct-body.ts";

/** Reads are short at first: most answers are, and connections may be many. */
const FIRST_LENGTH_BYTES = 64 * 1024;
/** What a connection that fills the short ones reads at once. */
const LENGTH_BYTES = 256 * 1024;

/**
 * Reads a socket into two buffers of its own, in turn, where Node would allocate a new one for every 64 KiB and leave them
 * to the garbage collector, which costs more than all else on the way of a large content.
 *
 * What `read()` returns is valid until the data after it has been read twice over: a reader that takes the next data
 * only when it is done with those before never sees them change.
 */
export class ReceiveBuffers {
  static #delivering: ReceiveBuffers | undefined;
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  #lengthBytes = FIRST_LENGTH_BYTES;
  #socket: Socket | undefined;
  #pending: Buffer | undefined;
  #isStopped = false;
  #direct: DirectBody | undefined;
  readonly #stallTimeoutMs: number;

  /** `stallTimeoutMs` is how long a body that is received directly may wait for its sender. */
  constructor(stallTimeoutMs: number) {
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** The connection whose data are being handed over at this moment, for whoever is told of an answer meanwhile. */
  static get delivering(): ReceiveBuffers | undefined {
    return ReceiveBuffers.#delivering;
  }

  /** Goes into the options that the socket is made with. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#next(),
    callback: (lengthBytes, buffer) => this.#received(buffer as Buffer, lengthBytes),
  };

  /** Takes over the reading of the socket that was made with {@link ReceiveBuffers.onread}. */
  attach(socket: Socket): void {
    this.#socket = socket;
    const read = socket.read.bind(socket);
    socket.read = (lengthBytes?: number): unknown => {
      // Asks the stream to go on, or comes at its end.
      if (lengthBytes === 0 || this.#pending === undefined) return read(lengthBytes);
      return this.#take();
    };
    socket.unshift = (chunk: Buffer): void => {
      if (chunk.length > 0) this.#pending = chunk;
    };
    socket.once("close", () => {
      this.#buffers.length = 0;
      this.#pending = undefined;
    });
  }

  /**
   * From now on `direct` gets what comes, and whoever read the socket gets no more of it. Returns what was received and not taken.
   * The socket has to be destroyed in the end.
   */
  divert(direct: DirectBody): Buffer | undefined {
    const socket = this.#socket!;
    this.#direct = direct;
    this.#buffers.length = 0;
    const stallTimeoutMs = this.#stallTimeoutMs;
    socket.setTimeout(stallTimeoutMs);
    socket.on("timeout", () => {
      // While nobody waited nothing was read, which is not the sender's fault.
      const leftMs = stallTimeoutMs - direct.awaitedMs;
      if (leftMs <= 0) socket.destroy(new errors.BodyTimeoutError());
      else socket.setTimeout(Math.ceil(leftMs));
    });
    return this.#takePending();
  }

  /** Reads on, for the body that is received directly. */
  goOn(): void {
    this.#socket!.resume();
  }

  #next(): Uint8Array {
    if (this.#direct) return this.#direct.aim();
    this.#turn = 1 - this.#turn;
    const kept = this.#buffers[this.#turn];
    if (kept?.length === this.#lengthBytes) return kept;
    return (this.#buffers[this.#turn] = Buffer.allocUnsafeSlow(this.#lengthBytes));
  }

  /** Returns whether more may be read before this was taken. */
  #received(buffer: Buffer, lengthBytes: number): boolean {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return false;
    if (this.#direct) return this.#direct.received(buffer, lengthBytes);
    if (lengthBytes === buffer.length) this.#lengthBytes = LENGTH_BYTES;
    this.#pending = buffer.subarray(0, lengthBytes);
    // Nobody has asked anything: whatever this is, it must not be taken for an answer later.
    ReceiveBuffers.#delivering = this;
    try {
      if (!socket.emit("readable")) socket.destroy();
    } finally {
      ReceiveBuffers.#delivering = undefined;
    }
    this.#isStopped = this.#pending !== undefined;
    return !this.#isStopped;
  }

  #takePending(): Buffer | undefined {
    const taken = this.#pending;
    this.#pending = undefined;
    return taken;
  }

  #take(): Buffer | undefined {
    const taken = this.#takePending();
    if (this.#isStopped) {
      this.#isStopped = false;
      this.#socket!.resume();
    }
    return taken;
  }
}
