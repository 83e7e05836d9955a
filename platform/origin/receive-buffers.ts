import type { OnReadOpts, Socket } from "node:net";

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
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  #lengthBytes = FIRST_LENGTH_BYTES;
  #socket: Socket | undefined;
  #pending: Buffer | undefined;
  #isStopped = false;

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

  #next(): Buffer {
    this.#turn = 1 - this.#turn;
    const kept = this.#buffers[this.#turn];
    if (kept?.length === this.#lengthBytes) return kept;
    return (this.#buffers[this.#turn] = Buffer.allocUnsafeSlow(this.#lengthBytes));
  }

  /** Returns whether more may be read before this was taken. */
  #received(buffer: Buffer, lengthBytes: number): boolean {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return false;
    if (lengthBytes === buffer.length) this.#lengthBytes = LENGTH_BYTES;
    this.#pending = buffer.subarray(0, lengthBytes);
    // Nobody has asked anything: whatever this is, it must not be taken for an answer later.
    if (!socket.emit("readable")) socket.destroy();
    this.#isStopped = this.#pending !== undefined;
    return !this.#isStopped;
  }

  #take(): Buffer | undefined {
    const taken = this.#pending;
    this.#pending = undefined;
    if (this.#isStopped) {
      this.#isStopped = false;
      this.#socket!.resume();
    }
    return taken;
  }
}
