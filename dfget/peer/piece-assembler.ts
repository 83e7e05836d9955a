import { ProtocolError } from "../../protocol/protocol-error.ts";

/** A piece of a content that is read in order. */
export interface AssembledPiece {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Cuts a stream of bytes into pieces; holds one piece. */
export class PieceAssembler {
  readonly #pieceLengthBytes: number;
  #index: number;
  #buffer: Uint8Array;
  #filled = 0;
  totalBytes = 0;

  constructor(pieceLengthBytes: number, firstPiece: number) {
    this.#pieceLengthBytes = pieceLengthBytes;
    this.#index = firstPiece;
    this.#buffer = new Uint8Array(pieceLengthBytes);
  }

  /** Adds bytes and gives out every piece that they fill; its bytes are the caller's until the next step. */
  *push(chunk: Uint8Array, lengthBytes: number | undefined): Generator<AssembledPiece> {
    this.totalBytes += chunk.length;
    for (let offset = 0; offset < chunk.length;) {
      const left = (lengthBytes ?? Infinity) - this.#index * this.#pieceLengthBytes;
      const target = Math.min(this.#pieceLengthBytes, left);
      if (target <= this.#filled) throw longerThan(lengthBytes!);
      const taken = Math.min(chunk.length - offset, target - this.#filled);
      this.#buffer.set(chunk.subarray(offset, offset + taken), this.#filled);
      this.#filled += taken;
      offset += taken;
      if (this.#filled === target) yield this.#take();
    }
  }

  /** The last piece, where the length was not known before. */
  *finish(): Generator<AssembledPiece> {
    if (this.#filled > 0) yield this.#take();
  }

  #take(): AssembledPiece {
    const piece = { index: this.#index, bytes: this.#buffer.subarray(0, this.#filled) };
    this.#index += 1;
    this.#filled = 0;
    return piece;
  }
}

function longerThan(lengthBytes: number): ProtocolError {
  const message = `the origin sends more than the ${lengthBytes} bytes that the content is said to have; ask for it again`;
  return new ProtocolError("ORIGIN_CHANGED", message);
}
