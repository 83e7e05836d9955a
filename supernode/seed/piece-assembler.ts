import { createHash } from "node:crypto";

import type { Digest } from "../../protocol/digest.ts";
import { DigestCheck } from "../../platform/digest-check.ts";

/** A piece whose last byte has come in. */
export interface AssembledPiece {
  readonly pieceIndex: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly sha256: Uint8Array;
}

export interface AssemblerOptions {
  /** Where the bytes begin that come in, at the beginning of a piece; 0 when absent. */
  readonly startOffset?: number | undefined;
  readonly pieceLengthBytes: number;
  /** Undefined while only the end will tell it. */
  readonly lengthBytes: number | undefined;
  /** What the whole must be; undefined where nobody knows. */
  readonly digest: Digest | undefined;
}

/** What is known when the last byte is in. */
export interface AssembledEnd {
  readonly lengthBytes: number;
  /** Pieces that could not be told from the last one before; in order. */
  readonly pieces: readonly AssembledPiece[];
  /** The digest of the whole; undefined where none was expected. */
  readonly digest: { readonly actual: Digest; readonly matches: boolean } | undefined;
}

/**
 * Cuts a content that comes in order into pieces and hashes each of them and the whole.
 *
 * The last piece is kept back until {@link PieceAssembler.finish}, so that nobody can complete a content that turns out
 * to be wrong. While the length is unknown every complete piece may be the last one until a byte follows it.
 */
export class PieceAssembler {
  readonly #options: AssemblerOptions;
  readonly #whole: DigestCheck | undefined;
  #hash = createHash("sha256");
  #offset: number;
  #kept: AssembledPiece | undefined;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#offset = options.startOffset ?? 0;
    this.#whole = options.digest === undefined ? undefined : new DigestCheck(options.digest);
  }

  /** Where the next byte to come in stands. */
  get offsetBytes(): number {
    return this.#offset;
  }

  /** Takes the next bytes, any number; returns the pieces that may be handed out now. */
  push(bytes: Uint8Array): readonly AssembledPiece[] {
    const { pieceLengthBytes, lengthBytes } = this.#options;
    const pieces: AssembledPiece[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#kept) pieces.push(this.#kept);
      this.#kept = undefined;
      const room = pieceLengthBytes - (this.#offset % pieceLengthBytes);
      const part = rest.subarray(0, room);
      this.#hash.update(part);
      this.#offset += part.length;
      rest = rest.subarray(part.length);
      if (part.length === room || this.#offset === lengthBytes) this.#kept = this.#endPiece();
    }
    if (this.#kept && lengthBytes !== undefined && this.#offset < lengthBytes) {
      pieces.push(this.#kept);
      this.#kept = undefined;
    }
    this.#whole?.update(bytes);
    return pieces;
  }

  /** No byte follows. Called once. */
  finish(): AssembledEnd {
    const isInPiece = this.#offset % this.#options.pieceLengthBytes !== 0;
    const last = this.#kept ?? (isInPiece ? this.#endPiece() : undefined);
    this.#kept = undefined;
    return {
      lengthBytes: this.#offset,
      pieces: last ? [last] : [],
      digest: this.#whole?.finish(),
    };
  }

  #endPiece(): AssembledPiece {
    const { pieceLengthBytes } = this.#options;
    const pieceIndex = Math.ceil(this.#offset / pieceLengthBytes) - 1;
    const offsetBytes = pieceIndex * pieceLengthBytes;
    const sha256 = new Uint8Array(this.#hash.digest());
    this.#hash = createHash("sha256");
    return { pieceIndex, offsetBytes, lengthBytes: this.#offset - offsetBytes, sha256 };
  }
}
